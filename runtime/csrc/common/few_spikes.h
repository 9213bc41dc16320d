// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the few-spikes neurons.
#pragma once

#include "common/hd.h"

namespace snncc {

// One step: a neuron that reaches the threshold fires and is reset. Subtracting 0 changes no bit of a potential.
static SNNCC_HD bool few_spikes_step(float& v, float threshold, float reset) {
  const bool fires = v >= threshold;
  v = v - (fires ? reset : 0.0f);
  return fires;
}

}  // namespace snncc

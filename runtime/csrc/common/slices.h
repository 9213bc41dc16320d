// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the neurons whose values are divided into slices, in addition to common/phase.h.
#pragma once

#include <cstdint>

#include "common/hd.h"

namespace snncc {

// One phase of a one-spike neuron: it fires if it has not, `phase` being `never` until then.
static SNNCC_HD void wait_step(int32_t& phase, float& value, float u, float threshold, float level, int32_t now,
                               int32_t never) {
  const bool fires = (phase == never) & (u >= threshold);
  phase = fires ? now : phase;
  value = fires ? level : value;
}

}  // namespace snncc

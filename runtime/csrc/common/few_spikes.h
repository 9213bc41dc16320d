// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the few-spikes neurons.
#pragma once

#include <cstdint>

#include "common/hd.h"
#include "common/neuron.h"

namespace snncc {

// One step: a neuron that reaches the threshold fires and is reset. Subtracting 0 changes no bit of a potential.
static SNNCC_HD bool few_spikes_step(float& v, float threshold, float reset) {
  const bool fires = v >= threshold;
  v = v - (fires ? reset : 0.0f);
  return fires;
}

// How many units the potential v holds; NaN holds none. All steps of the neuron are exact, so that this is what they give.
static SNNCC_HD int32_t whole_units(const FewSpikesClosed& closed, float v) {
  const float positive = v > 0.0f ? v : 0.0f;
  const float held = positive < closed.top ? positive : closed.top;
  return static_cast<int32_t>(held * closed.units_per_one);
}

// The number of spikes for that number of units.
static SNNCC_HD int32_t spikes_of_units(const FewSpikesClosed& closed, int32_t units, float v) {
  auto bits = static_cast<uint32_t>(units);
  bits = bits - ((bits >> 1) & 0x55555555u);
  bits = (bits & 0x33333333u) + ((bits >> 2) & 0x33333333u);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0fu;
  bits = bits + (bits >> 8);
  bits = (bits + (bits >> 16)) & 0x3fu;
  const int32_t spikes = closed.is_bits ? static_cast<int32_t>(bits) : units;
  return spikes + (v >= 1.7014118346046923e38f ? closed.idle : 0);
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the phase neurons, written once for the CPU and CUDA.
#pragma once

#include <cstdint>

#include "common/hd.h"

namespace snncc {

// The potential of a neuron that sums its input and a residual.
static SNNCC_HD float join(float x, float weight, float residual) { return x + weight * residual; }

// The last j with u >= ascending[j], 0 if there is none; `size` is a power of two. NaN gives 0.
static SNNCC_HD int32_t find_entry(const float* ascending, int32_t size, float u) {
  int32_t j = 0;
  for (int32_t step = size / 2; step > 0; step /= 2) {
    j = u >= ascending[j + step] ? j + step : j;
  }
  return j;
}

// Output of a one-spike neuron, in units of its scale: the level of the highest threshold that u reaches.
static SNNCC_HD float one_spike(const float* ascending, const float* levels, int32_t size, float u) {
  const int32_t j = find_entry(ascending, size, u);
  return u >= ascending[0] ? levels[j] : 0.0f;
}

// A neuron with several spikes codes the magnitude of a signed potential.
static SNNCC_HD float phase_start(float u, bool is_signed) { return is_signed && u < 0.0f ? -u : u; }

// One phase: the neuron fires if its remaining potential reaches the threshold; the last allowed spike has its own.
static SNNCC_HD void phase_step(float& rest, float& value, int32_t& count, float level, float threshold,
                                float last_threshold, int32_t limit) {
  const float needed = count == limit - 1 ? last_threshold : threshold;
  const bool fires = (count < limit) & (rest >= needed);
  const float spike = fires ? level : 0.0f;
  rest = rest - spike;
  value = value + spike;
  count = count + (fires ? 1 : 0);
}

static SNNCC_HD float phase_finish(float value, float u, bool is_signed) {
  return is_signed && u < 0.0f ? -value : value;
}

// What a coarse-and-fine neuron codes: the magnitude of a signed potential, else the positive part. NaN gives 0 or NaN.
static SNNCC_HD float coarse_fine_start(float u, bool is_signed) {
  const float magnitude = u < 0.0f ? -u : u;
  const float positive = u > 0.0f ? u : 0.0f;
  return is_signed ? magnitude : positive;
}

// Its output for a potential u, in units of its scale, with the levels of its spikes.
static SNNCC_HD float coarse_fine_finish(float u, float coarse, float rest, float fine, bool is_signed) {
  const float value = coarse + (rest < 0.0f ? -fine : fine);
  return phase_finish(value, u, is_signed);
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Few-spikes neurons: by their closed form, or tile after tile goes through a few steps at a time, in registers.
#pragma once

#include <cstdint>
#include <utility>

#include "common/few_spikes.h"
#include "cpu/independent.h"
#include "cpu/lanes.h"
#include "cpu/scales.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// Neurons of a tile: their arrays lie in the first cache, and there are enough of them to make up for starting a loop.
constexpr int64_t kFewSpikesTile = 256;

// State of the neurons of a tile between the steps.
struct alignas(64) FewSpikesTile {
  float v[kFewSpikesTile];
  float value[kFewSpikesTile];
  int32_t count[kFewSpikesTile];
};

// Steps in registers at once.
constexpr int32_t kStepsAtOnce = 8;

template <int32_t kSteps, bool kCount>
void few_spikes_group(const FewSpikes& tables, int32_t first, FewSpikesTile& tile, int64_t size) {
  const float* thresholds = tables.thresholds + first;
  const float* resets = tables.resets + first;
  const float* values = tables.values + first;
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    float v = tile.v[i];
    float value = tile.value[i];
    int32_t count = kCount ? tile.count[i] : 0;
#pragma GCC unroll 8
    for (int32_t t = 0; t < kSteps; ++t) {
      const float worth = values[t];  // read by those who do not fire, too: a load under a condition is no vector load
      const bool fires = few_spikes_step(v, thresholds[t], resets[t]);
      value = value + (fires ? worth : 0.0f);
      count += fires ? 1 : 0;
    }
    tile.v[i] = v;
    tile.value[i] = value;
    if constexpr (kCount) {
      tile.count[i] = count;
    }
  }
}

template <bool kCount, int32_t... kSizes>
void few_spikes_steps(const FewSpikes& tables, FewSpikesTile& tile, int64_t size,
                      std::integer_sequence<int32_t, kSizes...>) {
  using Group = void (*)(const FewSpikes&, int32_t, FewSpikesTile&, int64_t);
  static constexpr Group kGroups[] = {few_spikes_group<kSizes + 1, kCount>...};
  for (int32_t t = 0; t < tables.steps; t += kStepsAtOnce) {
    const int32_t left = tables.steps - t;
    kGroups[(left < kStepsAtOnce ? left : kStepsAtOnce) - 1](tables, t, tile, size);
  }
}

template <bool kCount>
void few_spikes_span(const FewSpikes& tables, const Span& span) {
  for_tiles<kFewSpikesTile>(span, [&](const Tile& tile) {
    FewSpikesTile neurons;
    tile.load(neurons.v);
    for (int64_t i = 0; i < tile.size; ++i) {
      neurons.v[i] = neurons.v[i] + tables.initial;
      neurons.value[i] = 0.0f;
      neurons.count[i] = 0;
    }
    few_spikes_steps<kCount>(tables, neurons, tile.size, std::make_integer_sequence<int32_t, kStepsAtOnce>{});
    if constexpr (kCount) {
      tile.store_counts(neurons.count);
    }
    tile.store(neurons.value);
  });
}

template <bool kCount, class Scale>
void few_spikes_closed(const FewSpikesClosed closed, const float initial, const Span span, const Scale scale) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    const float v = scale.divide(span.x[i], i) + initial;
    const int32_t units = whole_units(closed, v);
    span.y[i] = scale.multiply(static_cast<float>(units) * closed.unit, i);
    if constexpr (kCount) {
      span.count[i] = spikes_of_units(closed, units, v);
    }
  }
}

inline void few_spikes(const FewSpikes& tables, const Span& span) {
  if (tables.closed.exists) {
    return with_scale(span.scale, [&](const auto& scale) {
      span.count != nullptr ? few_spikes_closed<true>(tables.closed, tables.initial, span, scale)
                            : few_spikes_closed<false>(tables.closed, tables.initial, span, scale);
    });
  }
  span.count != nullptr ? few_spikes_span<true>(tables, span) : few_spikes_span<false>(tables, span);
}

}  // namespace
}  // namespace snncc

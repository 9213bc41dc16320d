// SPDX-License-Identifier: Apache-2.0
// Neurons over tiles of a few dozen elements, written so that the compiler turns each loop over a tile into vector code
// of whatever instruction set the including file is compiled for.
#pragma once

#include <cstdint>

#include "common/phase.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// As many as keep their intermediate results in registers.
#if defined(__AVX512F__)
constexpr int64_t kTile = 64;
#elif defined(__AVX2__)
constexpr int64_t kTile = 32;
#else
constexpr int64_t kTile = 16;
#endif

// The elements [start, start + size) of a span.
struct Tile {
  const Span& span;
  int64_t start;
  int64_t size;

  float parameter(const Lane& lane, int64_t i) const { return lane.data[lane.step * (start + i)]; }

  void load(float* u) const {
    for (int64_t i = 0; i < size; ++i) {
      u[i] = span.x[start + i];
    }
    if (span.residual != nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        u[i] = join(u[i], parameter(span.weight, i), span.residual[start + i]);
      }
    }
    if (span.scale.data != nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        u[i] = u[i] / parameter(span.scale, i);
      }
    }
  }

  // The count of a one-spike neuron.
  void store_fires(const float* u, float lowest) const {
    if (span.count != nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        span.count[start + i] = u[i] >= lowest ? 1 : 0;
      }
    }
  }

  void store_counts(const int32_t* count) const {
    if (span.count != nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        span.count[start + i] = count[i];
      }
    }
  }

  void store(const float* value) const {
    if (span.scale.data == nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        span.y[start + i] = value[i];
      }
      return;
    }
    for (int64_t i = 0; i < size; ++i) {
      span.y[start + i] = value[i] * parameter(span.scale, i);
    }
  }
};

// From the lowest entry up: a potential that reaches a higher one takes its level.
inline void climb(const Ladder& ladder, const float* u, float* value, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    value[i] = 0.0f;
  }
  for (int32_t j = 0; j < ladder.steps; ++j) {
    const float threshold = ladder.thresholds[j];
    const float level = ladder.levels[j];
    for (int64_t i = 0; i < size; ++i) {
      value[i] = u[i] >= threshold ? level : value[i];
    }
  }
}

inline void climb_tile(const Ladder& ladder, const Tile& tile) {
  float u[kTile];
  float value[kTile];
  tile.load(u);
  climb(ladder, u, value, tile.size);
  tile.store_fires(u, ladder.thresholds[0]);
  tile.store(value);
}

inline void phase_tile(const PhaseTables& tables, const Tile& tile) {
  float u[kTile];
  float rest[kTile];
  float value[kTile];
  int32_t count[kTile];
  const bool is_signed = tables.is_signed != 0;
  tile.load(u);
  for (int64_t i = 0; i < tile.size; ++i) {
    rest[i] = phase_start(u[i], is_signed);
    value[i] = 0.0f;
    count[i] = 0;
  }
  for (int32_t p = 0; p < tables.steps; ++p) {
    const float level = tables.levels[p];
    const float threshold = tables.thresholds[p];
    const float last = tables.last_thresholds[p];
    for (int64_t i = 0; i < tile.size; ++i) {
      phase_step(rest[i], value[i], count[i], level, threshold, last, tables.limit);
    }
  }
  for (int64_t i = 0; i < tile.size; ++i) {
    value[i] = phase_finish(value[i], u[i], is_signed);
  }
  tile.store_counts(count);
  tile.store(value);
}

// kernel(tile) for the tiles of a span; whole ones have a size that the compiler knows.
template <int64_t kSize = kTile, class Kernel>
void for_tiles(const Span& span, const Kernel& kernel) {
  int64_t start = 0;
  for (; start + kSize <= span.size; start += kSize) {
    kernel(Tile{span, start, kSize});
  }
  if (start < span.size) {
    kernel(Tile{span, start, span.size - start});
  }
}

inline void adopt(const Ladder& ladder, Plan& plan) { plan.ladder = ladder; }

inline void climb(const Plan& plan, const Span& span) {
  for_tiles(span, [&](const Tile& tile) { climb_tile(plan.ladder, tile); });
}

inline void phases(const PhaseTables& tables, const Span& span) {
  for_tiles(span, [&](const Tile& tile) { phase_tile(tables, tile); });
}

}  // namespace
}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Coarse-and-fine neurons: each tile is searched in the coarse table, and what that leaves in the fine one.
#pragma once

#include <cstdint>

#include "common/phase.h"
#include "cpu/independent.h"
#include "cpu/lanes.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// Neurons of a tile: its arrays lie in the first cache, and there are enough of them to make up for starting a search.
constexpr int64_t kCoarseFineTile = 512;

// The levels of potentials in units of the table.
template <void (*kSearch)(const Plan&, const Span&)>
void levels_of(const Plan& plan, const float* u, float* level, int64_t size) {
  kSearch(plan, Span{u, nullptr, level, nullptr, size, {}, {}, false});
}

// What the coarse spike leaves of the potentials, and its magnitude.
inline void leave(const float* whole, const float* coarse, float* rest, float* magnitude, int64_t size) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    const float left = whole[i] - coarse[i];
    rest[i] = left;
    magnitude[i] = left < 0.0f ? -left : left;
  }
}

inline void count_spikes(const CoarseFinePlans& plans, const float* whole, const float* magnitude, int32_t* count,
                         int64_t size) {
  const float lowest = plans.coarse.ladder.thresholds[0];
  const float lowest_fine = plans.fine.ladder.thresholds[0];
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    count[i] = (whole[i] >= lowest ? 1 : 0) + (magnitude[i] >= lowest_fine ? 1 : 0);
  }
}

template <bool kSigned>
void start_all(const float* u, float* whole, int64_t size) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    whole[i] = coarse_fine_start(u[i], kSigned);
  }
}

template <bool kSigned>
void finish_all(const float* u, const float* coarse, const float* rest, const float* fine, float* value, int64_t size) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    value[i] = coarse_fine_finish(u[i], coarse[i], rest[i], fine[i], kSigned);
  }
}

template <bool kSigned, void (*kSearch)(const Plan&, const Span&)>
void coarse_fine_tile(const CoarseFinePlans& plans, const Tile& tile) {
  alignas(64) float u[kCoarseFineTile];
  alignas(64) float whole[kCoarseFineTile];
  alignas(64) float rest[kCoarseFineTile];
  alignas(64) float coarse[kCoarseFineTile];
  alignas(64) float magnitude[kCoarseFineTile];
  alignas(64) float fine[kCoarseFineTile];
  tile.load(u);
  start_all<kSigned>(u, whole, tile.size);
  levels_of<kSearch>(plans.coarse, whole, coarse, tile.size);
  leave(whole, coarse, rest, magnitude, tile.size);
  levels_of<kSearch>(plans.fine, magnitude, fine, tile.size);
  if (tile.span.count != nullptr) {
    count_spikes(plans, whole, magnitude, tile.span.count + tile.start, tile.size);
  }
  finish_all<kSigned>(u, coarse, rest, fine, whole, tile.size);
  tile.store(whole);
}

// `kSearch` is the variant's search of a one-spike neuron.
template <void (*kSearch)(const Plan&, const Span&)>
void coarse_fine(const CoarseFinePlans& plans, const Span& span) {
  if (plans.is_signed) {
    for_tiles<kCoarseFineTile>(span, [&](const Tile& tile) { coarse_fine_tile<true, kSearch>(plans, tile); });
  } else {
    for_tiles<kCoarseFineTile>(span, [&](const Tile& tile) { coarse_fine_tile<false, kSearch>(plans, tile); });
  }
}

}  // namespace
}  // namespace snncc

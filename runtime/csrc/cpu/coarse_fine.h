// SPDX-License-Identifier: Apache-2.0
// Coarse-and-fine neurons: each tile climbs the coarse table, and what that leaves the fine one.
#pragma once

#include <cstdint>

#include "common/phase.h"
#include "cpu/lanes.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

inline void coarse_fine_tile(const CoarseFine& tables, const Tile& tile) {
  float u[kTile];
  float rest[kTile];
  float coarse[kTile];
  float magnitude[kTile];
  float fine[kTile];
  int32_t count[kTile];
  const bool is_signed = tables.is_signed != 0;
  tile.load(u);
  for (int64_t i = 0; i < tile.size; ++i) {
    rest[i] = coarse_fine_start(u[i], is_signed);
  }
  climb(tables.coarse, rest, coarse, tile.size);
  for (int64_t i = 0; i < tile.size; ++i) {
    count[i] = rest[i] >= tables.coarse.thresholds[0] ? 1 : 0;
    rest[i] = rest[i] - coarse[i];
    magnitude[i] = rest[i] < 0.0f ? -rest[i] : rest[i];
  }
  climb(tables.fine, magnitude, fine, tile.size);
  for (int64_t i = 0; i < tile.size; ++i) {
    count[i] += magnitude[i] >= tables.fine.thresholds[0] ? 1 : 0;
    coarse[i] = coarse_fine_finish(u[i], coarse[i], rest[i], fine[i], is_signed);
  }
  tile.store_counts(count);
  tile.store(coarse);
}

inline void coarse_fine(const CoarseFine& tables, const Span& span) {
  for_tiles(span, [&](const Tile& tile) { coarse_fine_tile(tables, tile); });
}

}  // namespace
}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// A step of neurons with adaptive thresholds: only the thresholds that a potential may reach are computed.
#pragma once

#include <cstdint>

#include "common/msat.h"
#include "cpu/independent.h"
#include "cpu/packing.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

constexpr int64_t kMsatTile = 256;

// What the neurons of a tile have between the loops.
struct alignas(64) MsatTile {
  float current[kMsatTile];
  float charged[kMsatTile];
  float distance[kMsatTile];
  float threshold[kMsatTile];
  int32_t may[kMsatTile];  // -1: the potential may reach its threshold
  float packed_current[kMsatTile + kGroup8];
  float packed_distance[kMsatTile + kGroup8];
  float packed_threshold[kMsatTile + kGroup8];
};

// Whether a spike of the neuron at this place would survive.
inline bool survives(const Msat&, MsatLater, uint32_t) { return true; }
inline MsatLater later(MsatLater now) { return now; }
inline MsatLater later(const ConfidentMoment<MsatLater>& now) { return now.threshold; }
inline const Msat& thresholds_of(const Msat& rule) { return rule; }
inline const Msat& thresholds_of(const ConfidentMsat& rule) { return rule.threshold; }

template <class Rule, class Moment, class Scale>
void charge_tile(const Rule& rule, const Moment& now, const StepSpan& span, const Scale& scale, int64_t start,
                 int64_t size, const MsatBounds bounds, MsatTile& tile) {
  const float past = later(now).past;
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    const float current = scale.divide(span.x[start + i], start + i);
    const float v = span.states[0][start + i];
    const float charged = v + current;
    const float distance = v - span.states[1][start + i] / past;
    const uint32_t place = Rule::kPlaces ? span.places[start + i] : 0;
    const float weak = distance >= 0.0f ? bounds.weak_above_mean : bounds.weak;
    const float near = current <= 1.0f ? weak : bounds.near;
    const bool reaches = charged > (distance >= -1.0f ? near : 0.0f);
    tile.current[i] = current;
    tile.charged[i] = charged;
    tile.distance[i] = distance;
    tile.may[i] = (reaches & survives(rule, now, place)) ? -1 : 0;
  }
  for (int64_t i = size; i % kGroup8 != 0; ++i) {
    tile.may[i] = 0;
    tile.current[i] = 0.0f;
    tile.distance[i] = 0.0f;
  }
}

template <class Rule>
void thresholds_of_tile(const Rule& rule, int64_t size, MsatTile& tile) {
  const Msat thresholds = thresholds_of(rule);
  const int64_t count = pack(tile.may, tile.current, tile.distance, tile.packed_current, tile.packed_distance, size);
  SNNCC_INDEPENDENT
  for (int64_t k = 0; k < count; ++k) {
    tile.packed_threshold[k] = msat_threshold_at(thresholds, tile.packed_current[k], tile.packed_distance[k]);
  }
  unpack(tile.may, tile.packed_threshold, tile.threshold, size);
}

template <bool kCount, class Scale>
void fire_tile(const StepSpan& span, const Scale& scale, int64_t start, int64_t size, const MsatTile& tile) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < size; ++i) {
    const bool fires = (tile.may[i] != 0) & (tile.charged[i] >= tile.threshold[i]);
    const float value = fires ? tile.threshold[i] : 0.0f;
    const float v = tile.charged[i] - value;
    span.states[0][start + i] = v;
    span.states[1][start + i] = span.states[1][start + i] + v;
    span.y[start + i] = scale.multiply(value, start + i);
    if constexpr (kCount) {
      span.count[start + i] = fires ? 1 : 0;
    }
  }
}

template <bool kCount, class Rule, class Moment, class Scale>
void step_msat(const Rule& rule, const Moment& now, const StepSpan& span, const Scale& scale) {
  MsatTile tile;
  const MsatBounds bounds = msat_bounds(thresholds_of(rule));
  for (int64_t start = 0; start < span.size; start += kMsatTile) {
    const int64_t size = span.size - start < kMsatTile ? span.size - start : kMsatTile;
    charge_tile(rule, now, span, scale, start, size, bounds, tile);
    thresholds_of_tile(rule, size, tile);
    fire_tile<kCount>(span, scale, start, size, tile);
  }
}

}  // namespace
}  // namespace snncc

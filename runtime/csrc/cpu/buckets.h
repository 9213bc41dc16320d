// SPDX-License-Identifier: Apache-2.0
// Find a level without a search: the upper bits of a positive float give its fraction of an octave, and
// a geometric table has at most one or two thresholds in each. These bits give the candidates, and comparing with
// them, in full, decides. Bucket numbers are used modulo 32.
#pragma once

#include <cstdint>
#include <limits>

#include "common/half.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

constexpr int32_t kBuckets = 32;

// Cuts [just below the lowest threshold, the highest one] into buckets, numbered by the upper bits of their floats.
struct BucketRange {
  float low;
  float high;
  int32_t shift;

  int32_t bucket(float value) const { return static_cast<int32_t>(float_to_bits(value) >> shift); }
  int32_t first() const { return bucket(low); }
  int32_t last() const { return bucket(high); }

  // The finest cut that leaves room for one bucket behind the last; 23 bits of mantissa remain in a whole octave.
  static BucketRange finest(const Ladder& ladder) {
    const float high = ladder.thresholds[ladder.steps - 1];
    BucketRange range{bits_to_float(float_to_bits(ladder.thresholds[0]) - 1), high, 20};
    while (range.shift < 23 && range.last() - range.first() + 2 > kBuckets) {
      ++range.shift;
    }
    return range;
  }

  // Whether the buckets fit, with at most `most` thresholds in each.
  bool holds(const Ladder& ladder, int32_t most) const {
    for (int32_t j = most; j < ladder.steps; ++j) {
      if (bucket(ladder.thresholds[j]) == bucket(ladder.thresholds[j - most])) {
        return false;
      }
    }
    return last() - first() + 2 <= kBuckets;
  }
};

// One threshold per bucket: a bucket starts at a level; a potential at its threshold has that of the next bucket.
// plan.table: 32 thresholds, 32 levels. False if the threshold table is unsuitable.
inline bool build_single_buckets(const Ladder& ladder, Plan& plan) {
  const BucketRange range = BucketRange::finest(ladder);
  if (!range.holds(ladder, 1)) {
    return false;
  }
  plan.shift = range.shift;
  float* thresholds = plan.table;
  float* levels = plan.table + kBuckets;
  int32_t j = 0;
  for (int32_t b = range.first(); b <= range.last() + 1; ++b) {
    const bool has = j < ladder.steps && range.bucket(ladder.thresholds[j]) == b;
    thresholds[b % kBuckets] = has ? ladder.thresholds[j] : std::numeric_limits<float>::infinity();
    levels[b % kBuckets] = j > 0 ? ladder.levels[j - 1] : 0.0f;
    j += has ? 1 : 0;
  }
  return true;
}

// Up to two thresholds per bucket: the number of thresholds below it, plus those reached of the two, gives the level.
// plan.table: 32 numbers as int32, 32 first thresholds, 32 second ones, 32 levels. False if unsuitable.
inline bool build_double_buckets(const Ladder& ladder, Plan& plan) {
  const BucketRange range = BucketRange::finest(ladder);
  if (ladder.steps >= kBuckets || !range.holds(ladder, 2)) {
    return false;
  }
  plan.shift = range.shift;
  int32_t j = 0;
  for (int32_t b = range.first(); b <= range.last(); ++b) {
    plan.table[b % kBuckets] = bits_to_float(static_cast<uint32_t>(j));
    for (int32_t k = 1; k <= 2; ++k) {
      const bool has = j < ladder.steps && range.bucket(ladder.thresholds[j]) == b;
      plan.table[k * kBuckets + b % kBuckets] = has ? ladder.thresholds[j] : std::numeric_limits<float>::infinity();
      j += has ? 1 : 0;
    }
  }
  plan.table[3 * kBuckets] = 0.0f;
  for (j = 0; j < kBuckets - 1; ++j) {
    plan.table[3 * kBuckets + 1 + j] = ladder.levels[j];
  }
  return true;
}

}  // namespace
}  // namespace snncc

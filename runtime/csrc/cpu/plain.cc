// SPDX-License-Identifier: Apache-2.0
// The variant for every machine: the compiler's vectors of the baseline instruction set, and tables in memory.
#include "common/half.h"
#include "cpu/buckets.h"
#include "cpu/coarse_fine.h"
#include "cpu/few_spikes.h"
#include "cpu/lanes.h"
#include "cpu/slices.h"
#include "cpu/steps.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

enum Form : int32_t { kSingleBuckets, kDoubleBuckets, kSearch };

void prepare(const Ladder& ladder, Plan& plan) {
  plan.ladder = ladder;
  if (build_single_buckets(ladder, plan)) {
    plan.form = kSingleBuckets;
  } else {
    plan.form = build_double_buckets(ladder, plan) ? kDoubleBuckets : kSearch;
  }
}

struct SingleBuckets {
  const float* thresholds;
  const float* levels;

  float operator()(float u, uint32_t b) const {
    return levels[(b + (u >= thresholds[b % kBuckets] ? 1 : 0)) % kBuckets];
  }
};

struct DoubleBuckets {
  const float* table;

  float operator()(float u, uint32_t b) const {
    const uint32_t slot = b % kBuckets;
    const uint32_t below = float_to_bits(table[slot]);
    const uint32_t first = u >= table[kBuckets + slot] ? 1 : 0;
    const uint32_t second = u >= table[2 * kBuckets + slot] ? 1 : 0;
    return table[3 * kBuckets + below + first + second];
  }
};

template <class Find>
void look_up(const Plan& plan, const Span& span, const Find& find) {
  const BucketRange range = BucketRange::finest(plan.ladder);
  for_tiles(span, [&](const Tile& tile) {
    float u[kTile];
    float clamped[kTile];
    tile.load(u);
    for (int64_t i = 0; i < tile.size; ++i) {
      const float above = u[i] > range.low ? u[i] : range.low;  // where NaN goes
      clamped[i] = above < range.high ? above : range.high;
    }
    tile.store_fires(u, plan.ladder.thresholds[0]);
    for (int64_t i = 0; i < tile.size; ++i) {
      u[i] = find(clamped[i], float_to_bits(clamped[i]) >> plan.shift);
    }
    tile.store(u);
  });
}

void search(const Plan& plan, const Span& span) {
  const Ladder ladder = plan.ladder;
  for_tiles(span, [&](const Tile& tile) {
    float u[kTile];
    tile.load(u);
    tile.store_fires(u, ladder.thresholds[0]);
    for (int64_t i = 0; i < tile.size; ++i) {
      u[i] = snncc::one_spike(ladder.thresholds, ladder.levels, ladder.padded, u[i]);
    }
    tile.store(u);
  });
}

void one_spike(const Plan& plan, const Span& span) {
  switch (plan.form) {
    case kSingleBuckets:
      return look_up(plan, span, SingleBuckets{plan.table, plan.table + kBuckets});
    case kDoubleBuckets:
      return look_up(plan, span, DoubleBuckets{plan.table});
    default:
      return search(plan, span);
  }
}

// Comparing with every entry of a short table, many neurons at once, takes less time than a search.
void short_search(const Plan& plan, const Span& span) {
  constexpr int32_t kShort = 12;
  plan.ladder.steps <= kShort ? climb(plan, span) : one_spike(plan, span);
}

void widen(const uint16_t* halves, float* floats, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    floats[i] = half_to_float(halves[i]);
  }
}

void narrow(const float* floats, uint16_t* halves, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    halves[i] = float_to_half(floats[i]);
  }
}

}  // namespace

const Variant kPlainVariant = {"plain",        prepare,         one_spike, phases, coarse_fine<short_search>, few_spikes,
                               step_kernels(), slice_kernels(), widen,     narrow};

}  // namespace snncc

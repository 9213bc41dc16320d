// SPDX-License-Identifier: Apache-2.0
// x/scale rounded is monotone in x, so "x/scale >= threshold" says the same as "x >= the smallest float for which
// that holds". It lies within an ulp or two of threshold * scale; the neighbourhood is tried, and that it brackets the
// switch is checked, not assumed.
#include "cpu/fold.h"

#include <limits>

#include "common/half.h"

namespace snncc {
namespace {

constexpr float kMax = std::numeric_limits<float>::max();
constexpr int32_t kInfinityBits = 0x7f800000;
constexpr int32_t kReach = 2;  // ulps to either side

// The non-negative float `ulps` places further, within [0, infinity].
float neighbour(float value, int32_t ulps) {
  int32_t bits = static_cast<int32_t>(float_to_bits(value)) + ulps;
  bits = bits < 0 ? 0 : bits;
  bits = bits > kInfinityBits ? kInfinityBits : bits;
  return bits_to_float(static_cast<uint32_t>(bits));
}

// Neither the threshold nor the scale is negative or NaN; -1 if the neighbourhood does not bracket the switch.
float fold_threshold(float threshold, float scale) {
  float product = threshold * scale;
  product = product > kMax ? kMax : product;
  float smallest = -1.0f;
  for (int32_t ulps = kReach; ulps >= -kReach; --ulps) {
    const float candidate = neighbour(product, ulps);
    smallest = candidate / scale >= threshold ? candidate : smallest;
  }
  const float below = neighbour(product, -kReach);
  return below / scale >= threshold ? -1.0f : smallest;
}

}  // namespace

bool FoldedLadder::fold(const Ladder& ladder, float scale) {
  if (!(scale > 0.0f && scale <= kMax) || ladder.steps > kMaxSearch) {
    return false;
  }
  steps_ = ladder.steps;
  float lowest = kMax;
  for (int32_t j = 0; j < steps_; ++j) {
    thresholds_[j] = fold_threshold(ladder.thresholds[j], scale);
    lowest = thresholds_[j] < lowest ? thresholds_[j] : lowest;
    levels_[j] = ladder.levels[j] * scale;
  }
  for (int32_t j = steps_; j < kMaxSearch; ++j) {
    thresholds_[j] = std::numeric_limits<float>::infinity();
    levels_[j] = levels_[steps_ - 1];
  }
  return lowest > 0.0f;
}

}  // namespace snncc

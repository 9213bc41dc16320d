// SPDX-License-Identifier: Apache-2.0
// Fold a scale into a threshold table, which saves a division and a multiplication per element.
#pragma once

#include "common/neuron.h"
#include "cpu/variant.h"

namespace snncc {

// A threshold table in units of x instead of x/scale.
class FoldedLadder {
 public:
  // False if this scale cannot be folded exactly (not positive, or lost among the subnormals): divide, then.
  bool fold(const Ladder& ladder, float scale);
  Ladder ladder() const { return {thresholds_, levels_, steps_, kMaxSearch}; }

 private:
  alignas(64) float thresholds_[kMaxSearch];
  alignas(64) float levels_[kMaxSearch];
  int32_t steps_ = 0;
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Folding a scale into a ladder, so that neither a division nor a multiplication is left per element.
#pragma once

#include "common/neuron.h"
#include "cpu/variant.h"

namespace snncc {

// A ladder in units of x instead of x/scale.
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

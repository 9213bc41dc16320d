// SPDX-License-Identifier: Apache-2.0
// The CPU's entry for neurons whose values are divided into slices: a block of neurons runs all phases.
#pragma once

#include <cstdint>

#include "common/neuron.h"
#include "cpu/parameters.h"
#include "cpu/variant.h"

namespace snncc {

// The tables are those of a neuron that waits, or of an encoder.
template <class Tables>
class SlicedCall {
 public:
  SlicedCall(const Tables& tables, const SlicedTensors& tensors);

  // Neurons [begin, end).
  void run(int64_t begin, int64_t end) const;

 private:
  template <class Element>
  class Block;

  const Variant& variant_;
  Tables tables_;
  Tensors each_;
  bool unit_scale_;
};

}  // namespace snncc

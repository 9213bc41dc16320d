// SPDX-License-Identifier: Apache-2.0
// The CPU's entry for the ops over time: a block of neurons runs all steps of the call, with its states in cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/timed.h"
#include "cpu/launch.h"
#include "cpu/parameters.h"
#include "cpu/variant.h"

namespace snncc {

// Neurons per task of a thread pool: about as many elements, over all steps, as elsewhere.
inline int64_t timed_task_size(int64_t steps) { return std::max(kBlock, kTaskSize / steps / kBlock * kBlock); }

template <class Rule>
class TimedCall {
 public:
  TimedCall(const Rule& rule, const TimedTensors& tensors);

  // Neurons [begin, end).
  void run(int64_t begin, int64_t end) const;

 private:
  struct Block;

  template <class Element>
  void run_block(Block& block) const;
  void bring_in(Block& block) const;
  void take_out(const Block& block) const;

  const Variant& variant_;
  Rule rule_;
  TimedTensors tensors_;
  bool unit_scale_;
};

}  // namespace snncc

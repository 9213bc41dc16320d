// SPDX-License-Identifier: Apache-2.0
// The CPU's entry for sums over the edges of a graph: a task is some nodes of one sample.
#pragma once

#include <cstdint>

#include "common/edges.h"

namespace snncc {

// Nodes per task of a thread pool.
constexpr int64_t kNodesPerTask = 64;

// Throws std::invalid_argument if an edge has an invalid node, or if the edges are not sorted by target.
void check_edges(const EdgeTensors& tensors);

class EdgeCall {
 public:
  explicit EdgeCall(const EdgeTensors& tensors) : tensors_(tensors) {}

  // Nodes [begin, end) of all samples, sample by sample.
  void run(int64_t begin, int64_t end) const;

 private:
  template <class Element>
  void run_as(int64_t sample, int64_t begin, int64_t end) const;

  EdgeTensors tensors_;
};

}  // namespace snncc

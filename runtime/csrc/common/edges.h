// SPDX-License-Identifier: Apache-2.0
// Arguments of both devices' launchers for sums over the edges of a graph.
#pragma once

#include <cstdint>

#include "common/hd.h"
#include "common/neuron.h"

namespace snncc {

// x and y are [samples, nodes, channels]; edges are sorted by target.
struct EdgeTensors {
  ElementType type = ElementType::kFloat;
  const void* x = nullptr;
  void* y = nullptr;
  const int32_t* sources = nullptr;
  const int32_t* targets = nullptr;
  const float* weights = nullptr;
  int64_t samples = 0;
  int64_t nodes = 0;
  int64_t channels = 0;
  int64_t edges = 0;
};

// The first edge whose target is `node` or a later one.
static SNNCC_HD int64_t first_edge(const EdgeTensors& t, int64_t node) {
  int64_t low = 0;
  int64_t high = t.edges;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (t.targets[middle] < node) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
#include "aggregate.h"

#include <stdexcept>
#include <string>

namespace snncc {
namespace {

template <class Element>
const Element* edge_list(const Call& call, size_t index, const char* name, int64_t edges) {
  const Input input = call.input(index);
  if (input.shape != Shape{edges}) {
    throw std::invalid_argument(std::string(name) + " is no list of " + std::to_string(edges) +
                                " edges; give sources, targets and weights of the same length");
  }
  return static_cast<const Element*>(input.data);
}

}  // namespace

EdgeTensors bind_edges(const Call& call, ElementType type) {
  const Input x = call.input(0);
  if (x.shape.size() != 3) {
    throw std::invalid_argument("X has rank " + std::to_string(x.shape.size()) + "; give it [N, nodes, channels]");
  }
  EdgeTensors tensors;
  tensors.type = type;
  tensors.x = x.data;
  tensors.y = call.output(0, x.shape);
  tensors.samples = x.shape[0];
  tensors.nodes = x.shape[1];
  tensors.channels = x.shape[2];
  tensors.edges = element_count(call.input(1).shape);
  tensors.sources = edge_list<int32_t>(call, 1, "sources", tensors.edges);
  tensors.targets = edge_list<int32_t>(call, 2, "targets", tensors.edges);
  tensors.weights = edge_list<float>(call, 3, "weights", tensors.edges);
  return tensors;
}

}  // namespace snncc

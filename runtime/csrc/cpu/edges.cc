// SPDX-License-Identifier: Apache-2.0
#include "cpu/edges.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cpu/elements.h"

namespace snncc {
namespace {

constexpr int64_t kChannels = 256;  // at a time, on the stack

void add_scaled(float weight, const float* values, float* sums, int64_t size) {
  for (int64_t c = 0; c < size; ++c) {
    sums[c] += weight * values[c];
  }
}

}  // namespace

void check_edges(const EdgeTensors& tensors) {
  int32_t last = 0;
  for (int64_t e = 0; e < tensors.edges; ++e) {
    const int32_t source = tensors.sources[e];
    const int32_t target = tensors.targets[e];
    if (source < 0 || source >= tensors.nodes || target < 0 || target >= tensors.nodes) {
      throw std::invalid_argument("edge " + std::to_string(e) + " joins node " + std::to_string(source) + " to " +
                                  std::to_string(target) + ", but X has " + std::to_string(tensors.nodes) + " nodes");
    }
    if (target < last) {
      throw std::invalid_argument("edge " + std::to_string(e) + " leads to node " + std::to_string(target) +
                                  " behind one that leads to " + std::to_string(last) + "; sort edges by target");
    }
    last = target;
  }
}

void EdgeCall::run(int64_t begin, int64_t end) const {
  for (int64_t at = begin; at < end;) {
    const int64_t sample = at / tensors_.nodes;
    const int64_t stop = std::min(end, (sample + 1) * tensors_.nodes);
    const int64_t first = at - sample * tensors_.nodes;
    for_type(tensors_.type, [&](auto element) { run_as<decltype(element)>(sample, first, first + stop - at); });
    at = stop;
  }
}

template <class Element>
void EdgeCall::run_as(int64_t sample, int64_t begin, int64_t end) const {
  const Variant& variant = current_variant();
  const EdgeTensors& t = tensors_;
  const auto* x = static_cast<const Element*>(t.x) + sample * t.nodes * t.channels;
  auto* y = static_cast<Element*>(t.y) + sample * t.nodes * t.channels;
  float sums[kChannels];
  float buffer[kChannels];
  int64_t edge = first_edge(t, begin);
  for (int64_t node = begin; node < end; ++node) {
    const int64_t first = edge;
    while (edge < t.edges && t.targets[edge] == node) {
      ++edge;
    }
    for (int64_t channel = 0; channel < t.channels; channel += kChannels) {
      const int64_t size = std::min(kChannels, t.channels - channel);
      std::fill_n(sums, size, 0.0f);
      for (int64_t e = first; e < edge; ++e) {
        const Element* source = x + t.sources[e] * t.channels + channel;
        add_scaled(t.weights[e], as_floats(variant, source, buffer, size), sums, size);
      }
      from_floats(variant, sums, y + node * t.channels + channel, size);
    }
  }
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// A broadcast parameter along a span: in place where its runs are long, copied out element by element where not.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/neuron.h"
#include "cpu/variant.h"

namespace snncc {

constexpr int64_t kBlock = 1024;  // elements of a stack buffer

// Whether dividing by it, and multiplying with it, changes nothing.
inline bool is_one(const Broadcast& b) {
  return std::all_of(b.data, b.data + b.channels, [](float value) { return value == 1.0f; });
}

class Parameter {
 public:
  explicit Parameter(const Broadcast& b) : b_(b) {}

  // At most how many of `size` elements from `begin` on one lane can serve.
  int64_t reach(int64_t begin, int64_t size) const {
    return std::min(size, short_runs() ? kBlock : run(begin, size).size);
  }

  // The lane for [begin, begin + size), size <= reach; `buffer` has room for a block.
  Lane lane(int64_t begin, int64_t size, float* buffer) const {
    if (!short_runs()) {
      return run(begin, size).lane;
    }
    int64_t channel = begin / b_.inner % b_.channels;
    int64_t left = b_.inner - begin % b_.inner;
    for (int64_t i = 0; i < size;) {
      const int64_t next = std::min(size, i + left);
      std::fill(buffer + i, buffer + next, b_.data[channel]);
      channel = channel + 1 == b_.channels ? 0 : channel + 1;
      left = b_.inner;
      i = next;
    }
    return {buffer, 1};
  }

 private:
  struct Run {
    Lane lane;
    int64_t size;
  };

  // The elements from `begin` on that share a value, or stand beside each other.
  Run run(int64_t begin, int64_t size) const {
    if (b_.channels == 1) {
      return {{b_.data, 0}, size};
    }
    if (b_.inner == 1) {
      const int64_t channel = begin % b_.channels;
      return {{b_.data + channel, 1}, std::min(size, b_.channels - channel)};
    }
    return {{b_.data + begin / b_.inner % b_.channels, 0}, std::min(size, b_.inner - begin % b_.inner)};
  }

  bool short_runs() const {
    constexpr int64_t kShort = 256;
    return b_.channels > 1 && (b_.inner == 1 ? b_.channels : b_.inner) < kShort;
  }

  Broadcast b_;
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Integer attributes that must lie within bounds.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "node.h"

namespace snncc {

inline int64_t integer_within(const Attributes& node, const char* name, int64_t low, int64_t high) {
  const int64_t value = node.integer(name);
  if (value < low || value > high) {
    throw std::invalid_argument(std::string("attribute '") + name + "' is " + std::to_string(value) +
                                "; it must be from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

inline bool flag(const Attributes& node, const char* name) { return integer_within(node, name, 0, 1) == 1; }

// The time steps that are stacked on X's first axis.
inline int64_t stacked_steps(const Attributes& node) { return integer_within(node, "steps", 1, INT32_MAX); }

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
#include "timed.h"

namespace snncc {

Shape part_of(const Shape& shape, int64_t parts, const char* what) {
  if (shape.empty() || shape[0] % parts != 0) {
    const std::string rows = shape.empty() ? "no axis" : std::to_string(shape[0]) + " rows";
    throw std::invalid_argument("X has " + rows + ", which does not divide into " + std::to_string(parts) + " " + what +
                                "; stack as many parts of equal size on its first axis");
  }
  Shape part = shape;
  part[0] = shape[0] / parts;
  return part;
}

State bind_state(const Input& before, const Shape& shape, void* after) {
  const bool single = element_count(before.shape) == 1;
  if (!single && before.shape != shape) {
    throw std::invalid_argument("a state has neither one element nor the shape of one time step of X");
  }
  return {static_cast<const float*>(before.data), single ? 0 : 1, static_cast<float*>(after)};
}

int64_t bind_number(const Input& input) {
  if (element_count(input.shape) != 1) {
    throw std::invalid_argument("step has " + std::to_string(element_count(input.shape)) +
                                " elements; give it one, the number of the first time step");
  }
  return *static_cast<const int64_t*>(input.data);
}

}  // namespace snncc

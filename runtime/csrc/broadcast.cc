// SPDX-License-Identifier: Apache-2.0
#include "broadcast.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace snncc {
namespace {

std::string text(const Shape& shape) {
  std::string dims;
  for (const int64_t dim : shape) {
    dims += (dims.empty() ? "" : ", ") + std::to_string(dim);
  }
  return "[" + dims + "]";
}

}  // namespace

Broadcast broadcast_to(const Shape& shape, const Input& parameter, const char* name) {
  Broadcast result;
  result.data = static_cast<const float*>(parameter.data);
  const Shape& dims = parameter.shape;
  const auto wide = std::find_if(dims.begin(), dims.end(), [](int64_t dim) { return dim != 1; });
  bool fits = dims.size() <= shape.size();
  if (fits && wide != dims.end()) {
    const auto from_right = dims.end() - wide;
    fits = *(shape.end() - from_right) == *wide &&
           std::all_of(wide + 1, dims.end(), [](int64_t dim) { return dim == 1; });
    result.channels = *wide;
    result.inner = element_count(Shape(shape.end() - from_right + 1, shape.end()));
  }
  if (!fits) {
    throw std::invalid_argument(std::string(name) + " has shape " + text(dims) + ", which does not fit X's shape " +
                                text(shape) + "; give it one element, or one per entry of one dimension of X");
  }
  return result;
}

}  // namespace snncc

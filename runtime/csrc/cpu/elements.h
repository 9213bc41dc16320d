// SPDX-License-Identifier: Apache-2.0
// Elements of any type as the float32 that every kernel computes with: in place, or through a buffer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "common/neuron.h"
#include "cpu/variant.h"

namespace snncc {

using Half = uint16_t;

template <class Element>
void to_floats(const Variant& variant, const Element* from, float* to, int64_t size) {
  if constexpr (std::is_same_v<Element, Half>) {
    variant.halves_to_floats(from, to, size);
  } else {
    std::transform(from, from + size, to, [](Element value) { return static_cast<float>(value); });
  }
}

template <class Element>
void from_floats(const Variant& variant, const float* from, Element* to, int64_t size) {
  if constexpr (std::is_same_v<Element, Half>) {
    variant.floats_to_halves(from, to, size);
  } else {
    std::copy(from, from + size, to);
  }
}

// Where to read `size` elements as float32.
template <class Element>
const float* as_floats(const Variant& variant, const Element* from, float* buffer, int64_t size) {
  if constexpr (std::is_same_v<Element, float>) {
    return from;
  } else {
    to_floats(variant, from, buffer, size);
    return buffer;
  }
}

// body(Element{}) for the C++ type of an onnx one.
template <class Body>
void for_type(ElementType type, const Body& body) {
  switch (type) {
    case ElementType::kFloat:
      return body(float{});
    case ElementType::kHalf:
      return body(Half{});
    case ElementType::kDouble:
      return body(double{});
  }
}

}  // namespace snncc

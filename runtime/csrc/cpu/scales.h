// SPDX-License-Identifier: Apache-2.0
// The kinds of scale that a span has, each with a loop of its own.
#pragma once

#include <cstdint>

#include "cpu/variant.h"

namespace snncc {
namespace {

struct UnitScale {
  float divide(float x, int64_t) const { return x; }
  float multiply(float value, int64_t) const { return value; }
};

struct OneScale {
  float scale;
  float divide(float x, int64_t) const { return x / scale; }
  float multiply(float value, int64_t) const { return value * scale; }
};

struct ManyScales {
  const float* scale;
  float divide(float x, int64_t i) const { return x / scale[i]; }
  float multiply(float value, int64_t i) const { return value * scale[i]; }
};

// body(scale) with the kind of scale that the lane is.
template <class Body>
void with_scale(const Lane& lane, const Body& body) {
  if (lane.data == nullptr) {
    body(UnitScale{});
  } else if (lane.step == 0) {
    body(OneScale{*lane.data});
  } else {
    body(ManyScales{lane.data});
  }
}

}  // namespace
}  // namespace snncc

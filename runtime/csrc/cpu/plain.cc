// SPDX-License-Identifier: Apache-2.0
// The variant for every machine: the compiler's vectors of the baseline instruction set.
#include "common/half.h"
#include "cpu/lanes.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

void widen(const uint16_t* halves, float* floats, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    floats[i] = half_to_float(halves[i]);
  }
}

void narrow(const float* floats, uint16_t* halves, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    halves[i] = float_to_half(floats[i]);
  }
}

}  // namespace

const Variant kPlainVariant = {"plain", adopt, climb, phases, widen, narrow};

}  // namespace snncc

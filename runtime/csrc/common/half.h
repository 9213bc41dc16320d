// SPDX-License-Identifier: Apache-2.0
// float16 <-> float32 by integer arithmetic, without branches on the data, so that compilers vectorise it.
#pragma once

#include <cstdint>
#include <cstring>

namespace snncc {

static inline float bits_to_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t float_to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  // Exponent and mantissa move up by 13 bits and the bias changes by 112; a multiplication serves subnormals as well.
  const float finite = bits_to_float(magnitude << 13) * bits_to_float(0x77800000u);  // 2^112
  const uint32_t special = 0x7f800000u | (magnitude << 13);                          // infinity or NaN
  return bits_to_float(sign | (magnitude >= 0x7c00u ? special : float_to_bits(finite)));
}

// Rounds to nearest, ties to even, as IEEE and numpy do; values that are too large become infinity.
static inline uint16_t float_to_half(float value) {
  const uint32_t bits = float_to_bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Normal: add just under half a unit of the last place kept, one more if that place is odd, then cut.
  const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Subnormal: adding 1/2 makes the float unit round at 2^-24, the last place of a subnormal half.
  const uint32_t subnormal = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
  half = magnitude >= 0x47800000u ? 0x7c00u : half;
  half = magnitude > 0x7f800000u ? 0x7e00u : half;
  return static_cast<uint16_t>(sign | half);
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The elements of an array that a mask selects, one behind the other, and back to their places.
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace snncc {
namespace {

// Arrays have room for whole groups; masks are -1 or 0, and 0 behind the last element.
constexpr int64_t kGroup8 = 8;

#if defined(__AVX2__)

// For each mask of eight bits, the places of its ones, and for each place the number of ones before it.
struct PackingTables {
  uint8_t places[256][8];
  uint8_t ranks[256][8];
};

constexpr PackingTables packing_tables() {
  PackingTables tables{};
  for (int mask = 0; mask < 256; ++mask) {
    int count = 0;
    for (int bit = 0; bit < 8; ++bit) {
      tables.ranks[mask][bit] = static_cast<uint8_t>(count & 7);
      if ((mask >> bit & 1) != 0) {
        tables.places[mask][count] = static_cast<uint8_t>(bit);
        ++count;
      }
    }
  }
  return tables;
}

constexpr PackingTables kPacking = packing_tables();

inline __m256i eight(const uint8_t* bytes) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
}

inline __m256 load_mask(const int32_t* mask) {
  return _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask)));
}

// Packs two arrays, which have room for a group more than their size; gives the number of elements.
inline int64_t pack(const int32_t* mask, const float* a, const float* b, float* packed_a, float* packed_b,
                    int64_t size) {
  int64_t count = 0;
  for (int64_t i = 0; i < size; i += kGroup8) {
    const int bits = _mm256_movemask_ps(load_mask(mask + i));
    const __m256i places = eight(kPacking.places[bits]);
    _mm256_storeu_ps(packed_a + count, _mm256_permutevar8x32_ps(_mm256_loadu_ps(a + i), places));
    _mm256_storeu_ps(packed_b + count, _mm256_permutevar8x32_ps(_mm256_loadu_ps(b + i), places));
    count += __builtin_popcount(static_cast<unsigned>(bits));
  }
  return count;
}

// The packed values at their places, 0 elsewhere.
inline void unpack(const int32_t* mask, const float* packed, float* values, int64_t size) {
  int64_t count = 0;
  for (int64_t i = 0; i < size; i += kGroup8) {
    const __m256 chosen = load_mask(mask + i);
    const int bits = _mm256_movemask_ps(chosen);
    const __m256 spread = _mm256_permutevar8x32_ps(_mm256_loadu_ps(packed + count), eight(kPacking.ranks[bits]));
    _mm256_storeu_ps(values + i, _mm256_and_ps(spread, chosen));
    count += __builtin_popcount(static_cast<unsigned>(bits));
  }
}

#else

inline int64_t pack(const int32_t* mask, const float* a, const float* b, float* packed_a, float* packed_b,
                    int64_t size) {
  int64_t count = 0;
  for (int64_t i = 0; i < size; ++i) {
    packed_a[count] = a[i];
    packed_b[count] = b[i];
    count -= mask[i];
  }
  return count;
}

inline void unpack(const int32_t* mask, const float* packed, float* values, int64_t size) {
  int64_t count = 0;
  for (int64_t i = 0; i < size; ++i) {
    values[i] = mask[i] != 0 ? packed[count] : 0.0f;
    count -= mask[i];
  }
}

#endif

}  // namespace
}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Exact ways to find the level of 16 potentials at once: by the buckets of buckets.h, and by a binary search for all
// other threshold tables of up to 64 entries. Each loads its table from a plan into registers, and has `fires` and
// `value`.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "common/half.h"
#include "cpu/buckets.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// Entries `index` (modulo its size) of a table of 16, 32 or 64, in as many registers as it needs.
template <int kEntries>
class Registers {
 public:
  explicit Registers(const float* table) {
    for (int r = 0; r < kEntries / 16; ++r) {
      parts_[r] = _mm512_load_ps(table + 16 * r);
    }
  }

  __m512 operator[](__m512i index) const {
    if constexpr (kEntries == 16) {
      return _mm512_permutexvar_ps(index, parts_[0]);
    } else if constexpr (kEntries == 32) {
      return _mm512_permutex2var_ps(parts_[0], index, parts_[1]);
    } else {
      const __m512 low = _mm512_permutex2var_ps(parts_[0], index, parts_[1]);
      const __m512 high = _mm512_permutex2var_ps(parts_[2], index, parts_[3]);
      return _mm512_mask_mov_ps(low, _mm512_test_epi32_mask(index, _mm512_set1_epi32(32)), high);
    }
  }

 private:
  __m512 parts_[kEntries / 16];
};

inline __mmask16 reaches(__m512 u, __m512 threshold) { return _mm512_cmp_ps_mask(u, threshold, _CMP_GE_OQ); }

// What both kinds of buckets have in common; bucket numbers are used modulo 32, as the registers' lookup does.
class Buckets {
 public:
  __mmask16 fires(__m512 u) const { return reaches(u, lowest_); }

 protected:
  explicit Buckets(const Plan& plan)
      : lowest_(_mm512_set1_ps(plan.ladder.thresholds[0])),
        low_(_mm512_set1_ps(bits_to_float(float_to_bits(plan.ladder.thresholds[0]) - 1))),
        high_(_mm512_set1_ps(plan.ladder.thresholds[plan.ladder.steps - 1])),
        shift_(_mm512_set1_epi32(plan.shift)) {}

  // Into the range of the buckets; max and min give their second operand if the first is NaN, which never fires.
  __m512 clamp(__m512 u) const { return _mm512_min_ps(_mm512_max_ps(u, low_), high_); }
  __m512i bucket(__m512 clamped) const { return _mm512_srlv_epi32(_mm512_castps_si512(clamped), shift_); }

 private:
  __m512 lowest_, low_, high_;
  __m512i shift_;
};

class SingleBuckets : public Buckets {
 public:
  explicit SingleBuckets(const Plan& plan) : Buckets(plan), thresholds_(plan.table), levels_(plan.table + kBuckets) {}

  __m512 value(__m512 u) const {
    u = clamp(u);
    const __m512i b = bucket(u);
    return levels_[_mm512_mask_add_epi32(b, reaches(u, thresholds_[b]), b, _mm512_set1_epi32(1))];
  }

 private:
  Registers<kBuckets> thresholds_, levels_;
};

class DoubleBuckets : public Buckets {
 public:
  explicit DoubleBuckets(const Plan& plan)
      : Buckets(plan),
        below_(plan.table),
        first_(plan.table + kBuckets),
        second_(plan.table + 2 * kBuckets),
        levels_(plan.table + 3 * kBuckets) {}

  __m512 value(__m512 u) const {
    const __m512i one = _mm512_set1_epi32(1);
    u = clamp(u);
    const __m512i b = bucket(u);
    __m512i rung = _mm512_castps_si512(below_[b]);
    rung = _mm512_mask_add_epi32(rung, reaches(u, first_[b]), rung, one);
    rung = _mm512_mask_add_epi32(rung, reaches(u, second_[b]), rung, one);
    return levels_[rung];
  }

 private:
  Registers<kBuckets> below_, first_, second_, levels_;
};

// Search among 2^kLevels entries. Decision d is kept in bit d of the index, so the thresholds of decision d are 2^d.
template <int kLevels>
class Bisection {
 public:
  static bool build(const Ladder& ladder, Plan& plan) {
    if (ladder.steps > kRungs) {
      return false;
    }
    for (int d = 1; d < kLevels; ++d) {
      for (int i = 0; i < width(d); ++i) {
        plan.table[place(d) + i] = ladder.thresholds[rung(i % (1 << d)) + (kRungs >> (d + 1))];
      }
    }
    for (int i = 0; i < kRungs; ++i) {
      plan.table[place(kLevels) + i] = ladder.levels[rung(i)];
    }
    return true;
  }

  explicit Bisection(const Plan& plan)
      : lowest_(_mm512_set1_ps(plan.ladder.thresholds[0])),
        middle_(_mm512_set1_ps(plan.ladder.thresholds[kRungs / 2])),
        second_(plan.table + place(1)),
        third_(plan.table + place(2)),
        fourth_(plan.table + place(3)),
        fifth_(plan.table + place(4)),
        sixth_(plan.table + place(kLevels - 1)),
        levels_(plan.table + place(kLevels)) {}

  __mmask16 fires(__m512 u) const { return reaches(u, lowest_); }

  __m512 value(__m512 u) const {
    __m512i bits = _mm512_maskz_set1_epi32(reaches(u, middle_), 1);
    bits = decide(u, bits, second_, 2);
    bits = decide(u, bits, third_, 4);
    bits = decide(u, bits, fourth_, 8);
    bits = decide(u, bits, fifth_, 16);
    if constexpr (kLevels == 6) {
      bits = decide(u, bits, sixth_, 32);
    }
    return _mm512_maskz_mov_ps(fires(u), levels_[bits]);
  }

 private:
  static constexpr int kRungs = 1 << kLevels;

  static constexpr int width(int decision) { return decision < 4 ? 16 : 1 << decision; }

  // Offset of the thresholds of a decision in the plan's table; the levels follow those of the last one.
  static constexpr int place(int decision) {
    int sum = 0;
    for (int d = 1; d < decision; ++d) {
      sum += width(d);
    }
    return sum;
  }

  // The lowest entry that is consistent with the decisions in `bits`.
  static constexpr int rung(int bits) {
    int j = 0;
    for (int d = 0; d < kLevels; ++d) {
      j += (bits >> d & 1) << (kLevels - 1 - d);
    }
    return j;
  }

  template <class Table>
  static __m512i decide(__m512 u, __m512i bits, const Table& thresholds, int bit) {
    return _mm512_mask_or_epi32(bits, reaches(u, thresholds[bits]), bits, _mm512_set1_epi32(bit));
  }

  __m512 lowest_, middle_;
  Registers<16> second_, third_, fourth_, fifth_;
  Registers<(kLevels == 6 ? 32 : 16)> sixth_;
  Registers<kRungs> levels_;
};

}  // namespace
}  // namespace snncc

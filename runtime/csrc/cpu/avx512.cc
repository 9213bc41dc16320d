// SPDX-License-Identifier: Apache-2.0
// The AVX-512 variant: 16 neurons climb the ladder together, by an exact binary search with the table in registers.
#include <immintrin.h>

#include "cpu/lanes.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// Entries `index` of a table of at most 64, in as many registers as it needs.
template <int kEntries>
class Register {
 public:
  template <class Entry>
  explicit Register(Entry entry) {
    alignas(64) float table[kCapacity];
    for (int i = 0; i < kCapacity; ++i) {
      table[i] = entry(i % kEntries);
    }
    for (int r = 0; r < kCapacity / 16; ++r) {
      parts_[r] = _mm512_load_ps(table + 16 * r);
    }
  }

  __m512 operator[](__m512i index) const {
    if constexpr (kEntries <= 16) {
      return _mm512_permutexvar_ps(index, parts_[0]);
    } else if constexpr (kEntries <= 32) {
      return _mm512_permutex2var_ps(parts_[0], index, parts_[1]);
    } else {
      const __m512 low = _mm512_permutex2var_ps(parts_[0], index, parts_[1]);
      const __m512 high = _mm512_permutex2var_ps(parts_[2], index, parts_[3]);
      return _mm512_mask_mov_ps(low, _mm512_test_epi32_mask(index, _mm512_set1_epi32(32)), high);
    }
  }

 private:
  static constexpr int kCapacity = kEntries < 16 ? 16 : kEntries;
  __m512 parts_[kCapacity / 16];
};

// Decision d of a search is kept in bit d of the index, so the table of thresholds for decision d has 2^d entries and
// the first ones fit one register. `rung` undoes that order: the rung that the bits taken so far lead to.
template <int kLevels>
constexpr int rung(int bits) {
  int j = 0;
  for (int d = 0; d < kLevels; ++d) {
    j += (bits >> d & 1) << (kLevels - 1 - d);
  }
  return j;
}

// Search among 2^kLevels rungs.
template <int kLevels>
class Search {
 public:
  explicit Search(const Ladder& ladder)
      : lowest_(_mm512_set1_ps(ladder.thresholds[0])),
        middle_(_mm512_set1_ps(ladder.thresholds[1 << (kLevels - 1)])),
        second_(decision<1>(ladder)),
        third_(decision<2>(ladder)),
        fourth_(decision<3>(ladder)),
        fifth_(decision<kLevels >= 5 ? 4 : 3>(ladder)),
        sixth_(decision<kLevels >= 6 ? 5 : 3>(ladder)),
        levels_([&ladder](int bits) { return ladder.levels[rung<kLevels>(bits)]; }) {}

  __mmask16 fires(__m512 u) const { return _mm512_cmp_ps_mask(u, lowest_, _CMP_GE_OQ); }

  __m512 value(__m512 u) const {
    __m512i bits = _mm512_maskz_set1_epi32(_mm512_cmp_ps_mask(u, middle_, _CMP_GE_OQ), 1);
    bits = decide(u, bits, second_, 2);
    bits = decide(u, bits, third_, 4);
    bits = decide(u, bits, fourth_, 8);
    if constexpr (kLevels >= 5) {
      bits = decide(u, bits, fifth_, 16);
    }
    if constexpr (kLevels >= 6) {
      bits = decide(u, bits, sixth_, 32);
    }
    return _mm512_maskz_mov_ps(fires(u), levels_[bits]);
  }

 private:
  template <int kDecision>
  static Register<1 << kDecision> decision(const Ladder& ladder) {
    constexpr int kStride = 1 << (kLevels - 1 - kDecision);
    return Register<1 << kDecision>([&ladder](int bits) { return ladder.thresholds[rung<kLevels>(bits) + kStride]; });
  }

  template <class Table>
  static __m512i decide(__m512 u, __m512i bits, const Table& thresholds, int bit) {
    const __mmask16 up = _mm512_cmp_ps_mask(u, thresholds[bits], _CMP_GE_OQ);
    return _mm512_mask_or_epi32(bits, up, bits, _mm512_set1_epi32(bit));
  }

  __m512 lowest_;
  __m512 middle_;
  Register<2> second_;
  Register<4> third_;
  Register<8> fourth_;
  Register<(kLevels >= 5 ? 16 : 8)> fifth_;
  Register<(kLevels >= 6 ? 32 : 8)> sixth_;
  Register<(1 << kLevels)> levels_;
};

// What is done around the search: nothing, the sum with a residual of one weight, or all that a span may ask for.
enum class Work { kSearch, kJoin, kAll };

template <class Table, Work kWork>
class Kernel {
 public:
  Kernel(const Table& search, const Span& span)
      : search_(search), span_(span), weight_(_mm512_set1_ps(span.residual != nullptr ? *span.weight.data : 0.0f)) {}

  // The 16 elements from i on, or those of them in `mask`.
  template <bool kWhole, bool kStream>
  void step(int64_t i, __mmask16 mask) const {
    __m512 u = potential<kWhole>(i, mask);
    __m512 scale = u;
    if (kWork == Work::kAll && span_.scale.data != nullptr) {
      scale = parameter<kWhole>(span_.scale, i, mask);
      u = _mm512_div_ps(u, scale);
    }
    __m512 value = search_.value(u);
    if (kWork == Work::kAll && span_.scale.data != nullptr) {
      value = _mm512_mul_ps(value, scale);
    }
    if (kWork == Work::kAll && span_.count != nullptr) {
      _mm512_mask_storeu_epi32(span_.count + i, mask, _mm512_maskz_set1_epi32(search_.fires(u), 1));
    }
    if constexpr (kStream) {
      _mm512_stream_ps(span_.y + i, value);
    } else if constexpr (kWhole) {
      _mm512_storeu_ps(span_.y + i, value);
    } else {
      _mm512_mask_storeu_ps(span_.y + i, mask, value);
    }
  }

  template <bool kStream>
  int64_t whole_steps(int64_t i) const {
    for (; i + 64 <= span_.size; i += 64) {
      step<true, kStream>(i, 0xffff);
      step<true, kStream>(i + 16, 0xffff);
      step<true, kStream>(i + 32, 0xffff);
      step<true, kStream>(i + 48, 0xffff);
    }
    return i;
  }

  void part(int64_t from, int64_t to) const {
    for (int64_t i = from; i < to; i += 16) {
      step<false, false>(i, static_cast<__mmask16>(to - i >= 16 ? 0xffff : (1 << (to - i)) - 1));
    }
  }

 private:
  template <bool kWhole>
  static __m512 load(const float* data, int64_t i, __mmask16 mask) {
    return kWhole ? _mm512_loadu_ps(data + i) : _mm512_maskz_loadu_ps(mask, data + i);
  }

  template <bool kWhole>
  static __m512 parameter(const Lane& lane, int64_t i, __mmask16 mask) {
    return lane.step == 0 ? _mm512_set1_ps(*lane.data) : load<kWhole>(lane.data, i, mask);
  }

  template <bool kWhole>
  __m512 potential(int64_t i, __mmask16 mask) const {
    const __m512 x = load<kWhole>(span_.x, i, mask);
    if (kWork == Work::kSearch || (kWork == Work::kAll && span_.residual == nullptr)) {
      return x;
    }
    const __m512 weight = kWork == Work::kJoin ? weight_ : parameter<kWhole>(span_.weight, i, mask);
    return _mm512_add_ps(x, _mm512_mul_ps(weight, load<kWhole>(span_.residual, i, mask)));
  }

  const Table search_;
  const Span span_;
  const __m512 weight_;
};

template <class Table, Work kWork>
void run_span(const Table& search, const Span& span) {
  const Kernel<Table, kWork> kernel(search, span);
  int64_t start = 0;
  if (span.stream) {
    const auto misplaced = static_cast<int64_t>(reinterpret_cast<uintptr_t>(span.y) / 4 % 16);
    start = misplaced == 0 ? 0 : 16 - misplaced;
    start = start < span.size ? start : span.size;
    kernel.part(0, start);
    start = kernel.template whole_steps<true>(start);
    _mm_sfence();
  } else {
    start = kernel.template whole_steps<false>(start);
  }
  kernel.part(start, span.size);
}

template <int kLevels>
void search(const Ladder& ladder, const Span& span) {
  const Search<kLevels> table(ladder);
  const bool plain = span.scale.data == nullptr && span.count == nullptr;
  if (plain && span.residual == nullptr) {
    run_span<Search<kLevels>, Work::kSearch>(table, span);
  } else if (plain && span.weight.step == 0) {
    run_span<Search<kLevels>, Work::kJoin>(table, span);
  } else {
    run_span<Search<kLevels>, Work::kAll>(table, span);
  }
}

void one_spike(const Ladder& ladder, const Span& span) {
  if (ladder.steps <= 16) {
    search<4>(ladder, span);
  } else if (ladder.steps <= 32) {
    search<5>(ladder, span);
  } else if (ladder.steps <= kMaxSearch) {
    search<6>(ladder, span);
  } else {
    climb(ladder, span);
  }
}

void widen(const uint16_t* halves, float* floats, int64_t size) {
  int64_t i = 0;
  for (; i + 16 <= size; i += 16) {
    _mm512_storeu_ps(floats + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves + i))));
  }
  for (; i < size; ++i) {
    floats[i] = _cvtsh_ss(halves[i]);
  }
}

void narrow(const float* floats, uint16_t* halves, int64_t size) {
  constexpr int kNearestEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  int64_t i = 0;
  for (; i + 16 <= size; i += 16) {
    const __m256i rounded = _mm512_cvtps_ph(_mm512_loadu_ps(floats + i), kNearestEven);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(halves + i), rounded);
  }
  for (; i < size; ++i) {
    halves[i] = _cvtss_sh(floats[i], _MM_FROUND_TO_NEAREST_INT);
  }
}

}  // namespace

const Variant kAvx512Variant = {"avx512", one_spike, phases, widen, narrow};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The AVX2 variant: search for 8 neurons at once; a binary search of 16 entries in registers, one group of 16 after the
// other; a neuron that reaches a higher group takes its level from there.
#include <immintrin.h>

#include "cpu/coarse_fine.h"
#include "cpu/few_spikes.h"
#include "cpu/lanes.h"
#include "cpu/slices.h"
#include "cpu/steps.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

constexpr int kGroup = 16;

// Decision d of the search is kept in bit d of the index, so the thresholds of decision d are 2^d <= 8 entries.
class Search {
 public:
  void prepare(const float* t, const float* v) {
    lowest_ = _mm256_set1_ps(t[0]);
    middle_ = _mm256_set1_ps(t[8]);
    second_ = _mm256_setr_ps(t[4], t[12], t[4], t[12], t[4], t[12], t[4], t[12]);
    third_ = _mm256_setr_ps(t[2], t[10], t[6], t[14], t[2], t[10], t[6], t[14]);
    fourth_ = _mm256_setr_ps(t[1], t[9], t[5], t[13], t[3], t[11], t[7], t[15]);
    even_ = _mm256_setr_ps(v[0], v[8], v[4], v[12], v[2], v[10], v[6], v[14]);
    odd_ = _mm256_setr_ps(v[1], v[9], v[5], v[13], v[3], v[11], v[7], v[15]);
  }

  __m256 fires(__m256 u) const { return _mm256_cmp_ps(u, lowest_, _CMP_GE_OQ); }

  // The level of the entry reached; if there is none, the previous `value`.
  __m256 value(__m256 u, __m256 value) const {
    __m256i bits = _mm256_and_si256(_mm256_castps_si256(_mm256_cmp_ps(u, middle_, _CMP_GE_OQ)), _mm256_set1_epi32(1));
    bits = decide(u, bits, second_, 2);
    bits = decide(u, bits, third_, 4);
    const __m256 last = _mm256_cmp_ps(u, _mm256_permutevar8x32_ps(fourth_, bits), _CMP_GE_OQ);
    const __m256 even = _mm256_permutevar8x32_ps(even_, bits);
    const __m256 odd = _mm256_permutevar8x32_ps(odd_, bits);
    return _mm256_blendv_ps(value, _mm256_blendv_ps(even, odd, last), fires(u));
  }

 private:
  static __m256i decide(__m256 u, __m256i bits, __m256 thresholds, int bit) {
    const __m256 up = _mm256_cmp_ps(u, _mm256_permutevar8x32_ps(thresholds, bits), _CMP_GE_OQ);
    return _mm256_or_si256(bits, _mm256_and_si256(_mm256_castps_si256(up), _mm256_set1_epi32(bit)));
  }

  __m256 lowest_, middle_, second_, third_, fourth_, even_, odd_;
};

// kGroups = 0: as many as the threshold table needs.
template <int kGroups>
class Kernel {
 public:
  Kernel(const Ladder& ladder, const Span& span)
      : span_(span), groups_(kGroups > 0 ? kGroups : (ladder.steps + kGroup - 1) / kGroup) {
    for (int g = 0; g < groups_; ++g) {
      searches_[g].prepare(ladder.thresholds + kGroup * g, ladder.levels + kGroup * g);
    }
  }

  template <bool kStream>
  void step(int64_t i) const {
    __m256 u = _mm256_loadu_ps(span_.x + i);
    if (span_.residual != nullptr) {
      u = _mm256_add_ps(u, _mm256_mul_ps(parameter(span_.weight, i), _mm256_loadu_ps(span_.residual + i)));
    }
    if (span_.scale.data != nullptr) {
      u = _mm256_div_ps(u, parameter(span_.scale, i));
    }
    __m256 value = _mm256_setzero_ps();
    for (int g = 0; g < (kGroups > 0 ? kGroups : groups_); ++g) {
      value = searches_[g].value(u, value);
    }
    if (span_.scale.data != nullptr) {
      value = _mm256_mul_ps(value, parameter(span_.scale, i));
    }
    if (span_.count != nullptr) {
      const __m256i fires = _mm256_castps_si256(searches_[0].fires(u));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(span_.count + i), _mm256_srli_epi32(fires, 31));
    }
    if constexpr (kStream) {
      _mm256_stream_ps(span_.y + i, value);
    } else {
      _mm256_storeu_ps(span_.y + i, value);
    }
  }

  template <bool kStream>
  int64_t whole_steps(int64_t i) const {
    for (; i + 32 <= span_.size; i += 32) {
      step<kStream>(i);
      step<kStream>(i + 8);
      step<kStream>(i + 16);
      step<kStream>(i + 24);
    }
    return i;
  }

 private:
  static __m256 parameter(const Lane& lane, int64_t i) {
    return lane.step == 0 ? _mm256_broadcast_ss(lane.data) : _mm256_loadu_ps(lane.data + i);
  }

  const Span span_;
  const int groups_;
  Search searches_[kGroups > 0 ? kGroups : kMaxSearch / kGroup];
};

// The elements [from, to) of a span.
Span part(const Span& span, int64_t from, int64_t to) {
  Span rest = span;
  rest.x += from;
  rest.y += from;
  rest.residual = span.residual != nullptr ? span.residual + from : nullptr;
  rest.count = span.count != nullptr ? span.count + from : nullptr;
  rest.scale.data = span.scale.data != nullptr ? span.scale.data + from * span.scale.step : nullptr;
  rest.weight.data = span.residual != nullptr ? span.weight.data + from * span.weight.step : nullptr;
  rest.size = to - from;
  return rest;
}

template <int kGroups>
void search(const Plan& plan, const Span& span) {
  const Kernel<kGroups> kernel(plan.ladder, span);
  int64_t start = 0;
  if (span.stream) {
    const auto misplaced = static_cast<int64_t>(reinterpret_cast<uintptr_t>(span.y) / 4 % 8);
    start = misplaced == 0 ? 0 : 8 - misplaced;
    start = start < span.size ? start : span.size;
    climb(plan, part(span, 0, start));
    start = kernel.template whole_steps<true>(start);
    _mm_sfence();
  } else {
    start = kernel.template whole_steps<false>(start);
  }
  climb(plan, part(span, start, span.size));
}

void one_spike(const Plan& plan, const Span& span) {
  if (plan.ladder.steps <= kGroup) {
    search<1>(plan, span);
  } else if (plan.ladder.steps <= kMaxSearch) {
    search<0>(plan, span);
  } else {
    climb(plan, span);
  }
}

void widen(const uint16_t* halves, float* floats, int64_t size) {
  int64_t i = 0;
  for (; i + 8 <= size; i += 8) {
    _mm256_storeu_ps(floats + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves + i))));
  }
  for (; i < size; ++i) {
    floats[i] = _cvtsh_ss(halves[i]);
  }
}

void narrow(const float* floats, uint16_t* halves, int64_t size) {
  int64_t i = 0;
  for (; i + 8 <= size; i += 8) {
    const __m128i rounded = _mm256_cvtps_ph(_mm256_loadu_ps(floats + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halves + i), rounded);
  }
  for (; i < size; ++i) {
    halves[i] = _cvtss_sh(floats[i], _MM_FROUND_TO_NEAREST_INT);
  }
}

}  // namespace

const Variant kAvx2Variant = {"avx2", adopt, one_spike, phases, coarse_fine<one_spike>, few_spikes, step_kernels(), slice_kernels(),
                                widen, narrow};

}  // namespace snncc

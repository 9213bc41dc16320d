// SPDX-License-Identifier: Apache-2.0
// The AVX-512 variant: search for 16 neurons at once, with the threshold table in registers.
#include <immintrin.h>

#include "cpu/avx512_search.h"
#include "cpu/coarse_fine.h"
#include "cpu/few_spikes.h"
#include "cpu/lanes.h"
#include "cpu/slices.h"
#include "cpu/steps.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// Operations around the search: none, the sum with a residual of one weight, or all options of a span.
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

template <class Search>
void search(const Plan& plan, const Span& span) {
  const Search table(plan);
  const bool plain = span.scale.data == nullptr && span.count == nullptr;
  if (plain && span.residual == nullptr) {
    run_span<Search, Work::kSearch>(table, span);
  } else if (plain && span.weight.step == 0) {
    run_span<Search, Work::kJoin>(table, span);
  } else {
    run_span<Search, Work::kAll>(table, span);
  }
}

enum Form : int32_t { kSingleBuckets, kDoubleBuckets, kBisection5, kBisection6, kClimb };

void prepare(const Ladder& ladder, Plan& plan) {
  plan.ladder = ladder;
  if (build_single_buckets(ladder, plan)) {
    plan.form = kSingleBuckets;
  } else if (build_double_buckets(ladder, plan)) {
    plan.form = kDoubleBuckets;
  } else if (Bisection<5>::build(ladder, plan)) {
    plan.form = kBisection5;
  } else {
    plan.form = Bisection<6>::build(ladder, plan) ? kBisection6 : kClimb;
  }
}

void one_spike(const Plan& plan, const Span& span) {
  switch (plan.form) {
    case kSingleBuckets:
      return search<SingleBuckets>(plan, span);
    case kDoubleBuckets:
      return search<DoubleBuckets>(plan, span);
    case kBisection5:
      return search<Bisection<5>>(plan, span);
    case kBisection6:
      return search<Bisection<6>>(plan, span);
    default:
      return climb(plan, span);
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

const Variant kAvx512Variant = {"avx512", prepare, one_spike, phases, coarse_fine<one_spike>, few_spikes, step_kernels(), slice_kernels(),
                                widen, narrow};

}  // namespace snncc

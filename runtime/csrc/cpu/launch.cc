// SPDX-License-Identifier: Apache-2.0
#include "cpu/launch.h"

#include <unistd.h>

#include <algorithm>
#include <type_traits>

#include "cpu/elements.h"
#include "cpu/parameters.h"

namespace snncc {
namespace {

// An output that does not fit the last cache would only evict its own input on the way.
int64_t streaming_size() {
  static const int64_t bytes = [] {
    int64_t cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    return cache > 0 ? cache / 4 * 3 : int64_t{24} << 20;
  }();
  return bytes;
}

}  // namespace

CpuCall::CpuCall(const Ladder& ladder, const Tensors& tensors)
    : variant_(current_variant()), tensors_(tensors) {
  unit_scale_ = is_one(tensors_.scale);
  const bool folds = !unit_scale_ && tensors.scale.channels == 1 && folded_.fold(ladder, *tensors.scale.data);
  unit_scale_ = unit_scale_ || folds;
  variant_.prepare(folds ? folded_.ladder() : ladder, plan_);
  stream_ = tensors.x != tensors.y && tensors.size * static_cast<int64_t>(sizeof(float)) > streaming_size();
}

CpuCall::CpuCall(const PhaseTables& tables, const Tensors& tensors)
    : variant_(current_variant()), tensors_(tensors), tables_(&tables) {
  unit_scale_ = is_one(tensors_.scale);
}

CpuCall::CpuCall(const CoarseFine& tables, const Tensors& tensors)
    : variant_(current_variant()), tensors_(tensors), is_coarse_fine_(true) {
  unit_scale_ = is_one(tensors_.scale);
  variant_.prepare(tables.coarse, plans_.coarse);
  variant_.prepare(tables.fine, plans_.fine);
  plans_.is_signed = tables.is_signed != 0;
}

CpuCall::CpuCall(const FewSpikes& tables, const Tensors& tensors)
    : variant_(current_variant()), tensors_(tensors), few_spikes_(&tables) {
  unit_scale_ = is_one(tensors_.scale);
}

void CpuCall::run(int64_t begin, int64_t end) const {
  for_type(tensors_.type, [&](auto element) { run_as<decltype(element)>(begin, end); });
}

template <class Element>
void CpuCall::run_as(int64_t begin, int64_t end) const {
  const Parameter scale(tensors_.scale);
  const Parameter weight(tensors_.weight);
  float scale_buffer[kBlock];
  float weight_buffer[kBlock];
  while (begin < end) {
    int64_t size = std::is_same_v<Element, float> ? end - begin : std::min(end - begin, kBlock);
    size = unit_scale_ ? size : scale.reach(begin, size);
    size = tensors_.residual == nullptr ? size : weight.reach(begin, size);
    Span span{};
    span.size = size;
    span.count = tensors_.count == nullptr ? nullptr : tensors_.count + begin;
    span.scale = unit_scale_ ? Lane{} : scale.lane(begin, size, scale_buffer);
    span.weight = tensors_.residual == nullptr ? Lane{} : weight.lane(begin, size, weight_buffer);
    run_block<Element>(begin, span);
    begin += size;
  }
}

// Other types than float32 go through buffers on the stack, to the one float32 kernel and back.
template <class Element>
void CpuCall::run_block(int64_t begin, Span span) const {
  const auto* x = static_cast<const Element*>(tensors_.x) + begin;
  const auto* residual = static_cast<const Element*>(tensors_.residual);
  residual = residual == nullptr ? nullptr : residual + begin;
  auto* y = static_cast<Element*>(tensors_.y) + begin;
  if constexpr (std::is_same_v<Element, float>) {
    span.x = x;
    span.residual = residual;
    span.y = y;
    span.stream = stream_ && span.size >= 4 * kBlock;  // a short run would be mostly fences and odd ends
    run_span(span);
  } else {
    float values[kBlock];
    float residuals[kBlock];
    to_floats(variant_, x, values, span.size);
    if (residual != nullptr) {
      to_floats(variant_, residual, residuals, span.size);
      span.residual = residuals;
    }
    span.x = values;
    span.y = values;
    run_span(span);
    from_floats(variant_, values, y, span.size);
  }
}

void CpuCall::run_span(const Span& span) const {
  if (tables_ != nullptr) {
    return variant_.phase(*tables_, span);
  }
  if (is_coarse_fine_) {
    return variant_.coarse_fine(plans_, span);
  }
  if (few_spikes_ != nullptr) {
    return variant_.few_spikes(*few_spikes_, span);
  }
  // Folding costs about as much as dividing a few dozen elements per entry.
  FoldedLadder folded;
  if (span.scale.data != nullptr && span.scale.step == 0 && span.size >= int64_t{64} * plan_.ladder.steps &&
      folded.fold(plan_.ladder, *span.scale.data)) {
    Plan plan;
    Span unit = span;
    unit.scale = {};
    variant_.prepare(folded.ladder(), plan);
    return variant_.one_spike(plan, unit);
  }
  variant_.one_spike(plan_, span);
}

}  // namespace snncc

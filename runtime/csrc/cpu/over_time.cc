// SPDX-License-Identifier: Apache-2.0
#include "cpu/over_time.h"

#include <type_traits>

#include "cpu/elements.h"

namespace snncc {

// Neurons [begin, begin + size) and what they need from step to step, on the stack.
template <class Rule>
struct TimedCall<Rule>::Block {
  int64_t begin;
  int64_t size;
  Lane scale;
  alignas(64) float states[Rule::kStates][kBlock];
  alignas(64) uint32_t places[Rule::kPlaces ? kBlock : 1];
};

template <class Rule>
TimedCall<Rule>::TimedCall(const Rule& rule, const TimedTensors& tensors)
    : variant_(current_variant()),
      rule_(rule),
      tensors_(tensors),
      unit_scale_(tensors.each.scale.data == nullptr || is_one(tensors.each.scale)) {}

template <class Rule>
void TimedCall<Rule>::run(int64_t begin, int64_t end) const {
  const Parameter scale(tensors_.each.scale);
  float buffer[kBlock];
  Block block;
  for (block.begin = begin; block.begin < end; block.begin += block.size) {
    block.size = std::min(end - block.begin, kBlock);
    block.size = unit_scale_ ? block.size : scale.reach(block.begin, block.size);
    block.scale = unit_scale_ ? Lane{} : scale.lane(block.begin, block.size, buffer);
    bring_in(block);
    for_type(tensors_.each.type, [&](auto element) { run_block<decltype(element)>(block); });
    take_out(block);
  }
}

template <class Rule>
template <class Element>
void TimedCall<Rule>::run_block(Block& block) const {
  const Tensors& each = tensors_.each;
  const auto* x = static_cast<const Element*>(each.x) + block.begin;
  auto* y = static_cast<Element*>(each.y) + block.begin;
  float values[kBlock];
  StepSpan span{};
  span.size = block.size;
  span.scale = block.scale;
  span.places = block.places;
  for (int k = 0; k < Rule::kStates; ++k) {
    span.states[k] = block.states[k];
  }
  for (int64_t t = 0; t < tensors_.steps; ++t) {
    const int64_t offset = t * each.size;
    span.number = wrapped_sum(tensors_.first, t);
    span.x = as_floats(variant_, x + offset, values, block.size);
    span.count = each.count == nullptr ? nullptr : each.count + block.begin + offset;
    if constexpr (std::is_same_v<Element, float>) {
      span.y = y + (Rule::kAtEnd ? 0 : offset);
    } else {
      span.y = values;
    }
    static_cast<const StepKernel<Rule>&>(variant_.steps).run(rule_, span);
    if constexpr (!std::is_same_v<Element, float> && !Rule::kAtEnd) {
      from_floats(variant_, values, y + offset, block.size);
    }
  }
  if constexpr (Rule::kAtEnd) {
    std::transform(block.states[0], block.states[0] + block.size, values,
                   [this](float state) { return finish(rule_, state); });
    from_floats(variant_, values, y, block.size);
  }
}

template <class Rule>
void TimedCall<Rule>::bring_in(Block& block) const {
  for (int k = 0; k < Rule::kStates; ++k) {
    const State& state = tensors_.states[k];
    if (state.stride == 0) {
      std::fill_n(block.states[k], block.size, *state.before);
    } else {
      std::copy_n(state.before + block.begin, block.size, block.states[k]);
    }
  }
  if constexpr (Rule::kPlaces) {
    for (int64_t i = 0; i < block.size; ++i) {
      block.places[i] = static_cast<uint32_t>((block.begin + i) % tensors_.sample);
    }
  }
}

template <class Rule>
void TimedCall<Rule>::take_out(const Block& block) const {
  for (int k = 0; k < Rule::kStates; ++k) {
    float* after = tensors_.states[k].after;
    if (after != nullptr) {
      std::copy_n(block.states[k], block.size, after + block.begin);
    }
  }
}

template class TimedCall<Integrate>;
template class TimedCall<SignedIntegrate>;
template class TimedCall<RoundingIntegrate>;
template class TimedCall<Msat>;
template class TimedCall<ConfidentMsat>;
template class TimedCall<RunningTotal>;
template class TimedCall<Increase>;
template class TimedCall<Readout>;
template class TimedCall<PhaseStep>;
template class TimedCall<FewSpikesStep>;
template class TimedCall<Differential>;
template class TimedCall<LastStep>;

}  // namespace snncc

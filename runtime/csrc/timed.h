// SPDX-License-Identifier: Apache-2.0
// The ops over time as kernels, for any device and element type. Arguments are in one order for all of them: X, scale,
// states, step; Y, states, count.
#pragma once

#include <array>
#include <stdexcept>
#include <string>

#include "broadcast.h"
#include "common/timed.h"
#include "node.h"
#include "ort_abi.h"

namespace snncc {

// The shape of one of `steps` parts that are stacked on the first axis; `what` they are, for the message.
Shape part_of(const Shape& shape, int64_t parts, const char* what);

// Throws std::invalid_argument unless it has one element, or the shape of one time step.
State bind_state(const Input& before, const Shape& shape, void* after);

// Its one element.
int64_t bind_number(const Input& input);

template <class Device, OrtElementType kType, class Definition>
class TimedNeuron {
  using Rule = typename Definition::Rule;
  static constexpr size_t kFirstState = Definition::kScale ? 2 : 1;
  static constexpr size_t kStepInput = kFirstState + Rule::kStates;
  static constexpr size_t kCount = 1 + Rule::kStates;

  static constexpr auto input_types() {
    std::array<OrtElementType, kStepInput + (Definition::kStep ? 1 : 0)> types{kType};
    for (size_t i = 1; i < types.size(); ++i) {
      types[i] = i < kStepInput ? kOrtFloat : kOrtInt64;
    }
    return types;
  }

  static constexpr auto output_types() {
    std::array<OrtElementType, kCount + (Rule::kCounts ? 1 : 0)> types{kType};
    for (size_t i = 1; i < types.size(); ++i) {
      types[i] = i < kCount ? kOrtFloat : kOrtInt32;
    }
    return types;
  }

 public:
  static constexpr const char* kName = Definition::kName;
  static constexpr const char* kProvider = Device::kProvider;
  static constexpr auto kInputs = input_types();
  static constexpr auto kOutputs = output_types();
  static constexpr bool kInplace = !Rule::kAtEnd;

  // States have the rows of one time step, and so has what is given at the end.
  static Rows rows(size_t output, const Attributes& node) {
    const bool whole = output == kCount || (output == 0 && !Rule::kAtEnd);
    return {1, whole ? 1 : Definition::steps(node)};
  }

  explicit TimedNeuron(const Attributes& node) : definition_(node), steps_(Definition::steps(node)) {}

  void compute(const Call& call) const {
    const Input x = call.input(0);
    const Shape shape = part_of(x.shape, steps_, "steps");
    TimedTensors tensors;
    tensors.steps = steps_;
    tensors.each.type = static_cast<ElementType>(kType);
    tensors.each.size = element_count(shape);
    tensors.each.x = x.data;
    tensors.each.y = call.output(0, Rule::kAtEnd ? shape : x.shape);
    if constexpr (Rule::kCounts) {
      tensors.each.count = static_cast<int32_t*>(call.output(kCount, x.shape));
    }
    if constexpr (Definition::kScale) {
      tensors.each.scale = broadcast_to(shape, call.input(1), "scale");
    }
    for (size_t k = 0; k < Rule::kStates; ++k) {
      tensors.states[k] = bind_state(call.input(kFirstState + k), shape, call.output(1 + k, shape));
    }
    tensors.first = Definition::kStep ? bind_number(call.input(kStepInput)) : 0;
    tensors.sample = shape[0] == 0 ? 0 : tensors.each.size / shape[0];
    if (tensors.each.size > 0) {
      Device::run(definition_.rule(tensors.first), tensors, call);
    }
  }

 private:
  Definition definition_;
  int64_t steps_;
};

}  // namespace snncc

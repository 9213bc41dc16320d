// SPDX-License-Identifier: Apache-2.0
// The neurons whose values travel in slices as kernels, for any device and element type.
#pragma once

#include "broadcast.h"
#include "common/tables.h"
#include "neurons.h"
#include "node.h"
#include "ort_abi.h"
#include "timed.h"

namespace snncc {

// Slices that carry a value where neurons wait.
inline int64_t slices_of(const Attributes& node) {
  return static_cast<int64_t>(node.floats("levels").size()) - node.integer("wait") + 1;
}

template <class Device, OrtElementType kType>
class SlicedNeuron {
 public:
  static constexpr const char* kProvider = Device::kProvider;
  static constexpr OrtElementType kInputs[] = {kType, kOrtFloat};
  static constexpr OrtElementType kOutputs[] = {kType, kOrtInt32};

 protected:
  template <class Tables>
  static void run(const Tables& tables, const Call& call, const Input& x, const Shape& slice, const Shape& sliced) {
    SlicedTensors tensors;
    tensors.each.type = static_cast<ElementType>(kType);
    tensors.each.size = element_count(slice);
    tensors.each.x = x.data;
    tensors.each.y = call.output(0, sliced);
    tensors.each.count = static_cast<int32_t*>(call.output(1, sliced));
    tensors.each.scale = broadcast_to(slice, call.input(1), "scale");
    if (tensors.each.size > 0) {
      Device::run(tables, tensors, call);
    }
  }
};

template <class Device, OrtElementType kType>
class WaitOneSpikeNeuron : public SlicedNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "WaitOneSpikeNeuron";
  static constexpr bool kInplace = true;
  static Rows rows(size_t, const Attributes&) { return {}; }

  explicit WaitOneSpikeNeuron(const Attributes& node)
      : tables_(node.floats("levels"), node.floats("thresholds"), node.integer("wait")), slices_(slices_of(node)) {}

  void compute(const Call& call) const {
    const Input x = call.input(0);
    SlicedNeuron<Device, kType>::run(tables_.tables(), call, x, part_of(x.shape, slices_, "slices"), x.shape);
  }

 private:
  WaitTables tables_;
  int64_t slices_;
};

template <class Device, OrtElementType kType>
class PhaseEncoder : public SlicedNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "PhaseEncoder";
  static constexpr bool kInplace = false;
  static Rows rows(size_t, const Attributes& node) { return {slices_of(node), 1}; }

  explicit PhaseEncoder(const Attributes& node)
      : tables_(multi_spike_tables(node), node.integer("wait")), slices_(slices_of(node)) {}

  void compute(const Call& call) const {
    const Input x = call.input(0);
    Shape sliced = part_of(x.shape, 1, "parts");
    sliced[0] *= slices_;
    SlicedNeuron<Device, kType>::run(tables_.tables(), call, x, x.shape, sliced);
  }

 private:
  EncoderTables tables_;
  int64_t slices_;
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The neurons as onnxruntime kernels, for any device and element type: arguments in, a launcher's call out.
#pragma once

#include "broadcast.h"
#include "common/neuron.h"
#include "common/tables.h"
#include "ort.h"
#include "ort_abi.h"

namespace snncc {

// A device has a `kProvider` and launches `run(tables, tensors, context)` for the tables of either neuron.
template <class Device, OrtElementType kType>
class PointwiseNeuron {
 public:
  static constexpr const char* kProvider = Device::kProvider;
  static constexpr OrtElementType kInputs[] = {kType, kOrtFloat};
  static constexpr OrtElementType kOutputs[] = {kType, kOrtInt32};

 protected:
  static Tensors bind(const ComputeContext& context) {
    const Input x = context.input(0);
    Tensors tensors;
    tensors.type = static_cast<ElementType>(kType);
    tensors.size = element_count(x.shape);
    tensors.x = x.data;
    tensors.y = context.output(0, x.shape);
    tensors.count = static_cast<int32_t*>(context.output(1, x.shape));
    tensors.scale = broadcast_to(x.shape, context.input(1), "scale");
    return tensors;
  }
};

template <class Device, OrtElementType kType>
class OneSpikeNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "OneSpikeNeuron";

  explicit OneSpikeNeuron(const NodeInfo& node) : tables_(node.floats("levels"), node.floats("thresholds")) {}

  void compute(const ComputeContext& context) const {
    Device::run(tables_.ladder(), PointwiseNeuron<Device, kType>::bind(context), context);
  }

 private:
  OneSpikeTables tables_;
};

template <class Device, OrtElementType kType>
class ResidualOneSpikeNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "ResidualOneSpikeNeuron";
  static constexpr OrtElementType kInputs[] = {kType, kOrtFloat, kType, kOrtFloat};

  explicit ResidualOneSpikeNeuron(const NodeInfo& node) : tables_(node.floats("levels"), node.floats("thresholds")) {}

  void compute(const ComputeContext& context) const {
    Tensors tensors = PointwiseNeuron<Device, kType>::bind(context);
    const Shape shape = context.input(0).shape;
    const Input residual = context.input(2);
    if (residual.shape != shape) {
      throw std::invalid_argument("the residual's shape is not that of X; make them equal in front of the node");
    }
    tensors.residual = residual.data;
    tensors.weight = broadcast_to(shape, context.input(3), "weight");
    if (tensors.size > 0) {
      Device::run(tables_.ladder(), tensors, context);
    }
  }

 private:
  OneSpikeTables tables_;
};

template <class Device, OrtElementType kType>
class PhaseNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "PhaseNeuron";

  explicit PhaseNeuron(const NodeInfo& node)
      : tables_(node.floats("levels"), node.floats("thresholds"), node.floats("last_thresholds"),
                node.integer("max_spikes"), node.integer("signed")) {}

  void compute(const ComputeContext& context) const {
    Device::run(tables_.tables(), PointwiseNeuron<Device, kType>::bind(context), context);
  }

 private:
  MultiSpikeTables tables_;
};

}  // namespace snncc

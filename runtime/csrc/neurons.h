// SPDX-License-Identifier: Apache-2.0
// The neurons of one pass as kernels, for any device and element type: arguments in, a launcher's call out.
#pragma once

#include <stdexcept>

#include "broadcast.h"
#include "common/neuron.h"
#include "common/tables.h"
#include "node.h"
#include "ort_abi.h"

namespace snncc {

// A device has a `kProvider` and launches `run(tables, tensors, call)` for the tables of any neuron.
template <class Device, OrtElementType kType>
class PointwiseNeuron {
 public:
  static constexpr const char* kProvider = Device::kProvider;
  static constexpr OrtElementType kInputs[] = {kType, kOrtFloat};
  static constexpr OrtElementType kOutputs[] = {kType, kOrtInt32};
  static constexpr bool kInplace = true;
  static Rows rows(size_t, const Attributes&) { return {}; }

 protected:
  static Tensors bind(const Call& call) {
    const Input x = call.input(0);
    Tensors tensors;
    tensors.type = static_cast<ElementType>(kType);
    tensors.size = element_count(x.shape);
    tensors.x = x.data;
    tensors.y = call.output(0, x.shape);
    tensors.count = static_cast<int32_t*>(call.output(1, x.shape));
    tensors.scale = broadcast_to(x.shape, call.input(1), "scale");
    return tensors;
  }
};

inline OneSpikeTables one_spike_tables(const Attributes& node) {
  return {node.floats("levels"), node.floats("thresholds")};
}

inline MultiSpikeTables multi_spike_tables(const Attributes& node) {
  return {node.floats("levels"), node.floats("thresholds"), node.floats("last_thresholds"), node.integer("max_spikes"),
          node.integer("signed")};
}

inline CoarseFineTables coarse_fine_tables(const Attributes& node) {
  return {node.floats("levels"), node.floats("thresholds"), node.floats("fine_levels"), node.floats("fine_thresholds"),
          node.integer("signed")};
}

inline FewSpikesTables few_spikes_tables(const Attributes& node) {
  return {node.floats("thresholds"), node.floats("resets"), node.floats("values"), node.number("initial")};
}

template <class Device, OrtElementType kType>
class OneSpikeNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "OneSpikeNeuron";

  explicit OneSpikeNeuron(const Attributes& node) : tables_(one_spike_tables(node)) {}

  void compute(const Call& call) const {
    Device::run(tables_.ladder(), PointwiseNeuron<Device, kType>::bind(call), call);
  }

 private:
  OneSpikeTables tables_;
};

template <class Device, OrtElementType kType>
class ResidualOneSpikeNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "ResidualOneSpikeNeuron";
  static constexpr OrtElementType kInputs[] = {kType, kOrtFloat, kType, kOrtFloat};

  explicit ResidualOneSpikeNeuron(const Attributes& node) : tables_(one_spike_tables(node)) {}

  void compute(const Call& call) const {
    Tensors tensors = PointwiseNeuron<Device, kType>::bind(call);
    const Shape shape = call.input(0).shape;
    const Input residual = call.input(2);
    if (residual.shape != shape) {
      throw std::invalid_argument("the residual's shape is not that of X; make them equal in front of the node");
    }
    tensors.residual = residual.data;
    tensors.weight = broadcast_to(shape, call.input(3), "weight");
    if (tensors.size > 0) {
      Device::run(tables_.ladder(), tensors, call);
    }
  }

 private:
  OneSpikeTables tables_;
};

template <class Device, OrtElementType kType>
class PhaseNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "PhaseNeuron";

  explicit PhaseNeuron(const Attributes& node) : tables_(multi_spike_tables(node)) {}

  void compute(const Call& call) const {
    Device::run(tables_.tables(), PointwiseNeuron<Device, kType>::bind(call), call);
  }

 private:
  MultiSpikeTables tables_;
};

template <class Device, OrtElementType kType>
class CoarseFineNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "CoarseFineNeuron";

  explicit CoarseFineNeuron(const Attributes& node) : tables_(coarse_fine_tables(node)) {}

  void compute(const Call& call) const {
    Device::run(tables_.tables(), PointwiseNeuron<Device, kType>::bind(call), call);
  }

 private:
  CoarseFineTables tables_;
};

template <class Device, OrtElementType kType>
class FewSpikesNeuron : public PointwiseNeuron<Device, kType> {
 public:
  static constexpr const char* kName = "FSNeuron";

  explicit FewSpikesNeuron(const Attributes& node) : tables_(few_spikes_tables(node)) {}

  void compute(const Call& call) const {
    Device::run(tables_.tables(), PointwiseNeuron<Device, kType>::bind(call), call);
  }

 private:
  FewSpikesTables tables_;
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Aggregate as a kernel, for any device and element type: converts arguments to a launcher's call.
#pragma once

#include "common/edges.h"
#include "node.h"
#include "ort_abi.h"

namespace snncc {

// The arguments of one call; throws std::invalid_argument if their shapes do not match.
EdgeTensors bind_edges(const Call& call, ElementType type);

template <class Device, OrtElementType kType>
class Aggregate {
 public:
  static constexpr const char* kName = "Aggregate";
  static constexpr const char* kProvider = Device::kProvider;
  static constexpr OrtElementType kInputs[] = {kType, kOrtInt32, kOrtInt32, kOrtFloat};
  static constexpr OrtElementType kOutputs[] = {kType};
  static constexpr bool kInplace = false;
  static Rows rows(size_t, const Attributes&) { return {}; }

  explicit Aggregate(const Attributes&) {}

  void compute(const Call& call) const {
    const EdgeTensors tensors = bind_edges(call, static_cast<ElementType>(kType));
    if (tensors.samples * tensors.nodes * tensors.channels > 0) {
      Device::run(tensors, call);
    }
  }
};

}  // namespace snncc

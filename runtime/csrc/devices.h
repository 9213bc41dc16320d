// SPDX-License-Identifier: Apache-2.0
// Where a neuron runs: what onnxruntime calls the device, and how a call gets there.
#pragma once

#include "common/neuron.h"
#include "cpu/launch.h"
#include "ort.h"
#ifdef SNNCC_CUDA
#include "cuda/launch.cuh"
#endif

namespace snncc {

struct Cpu {
  static constexpr const char* kProvider = "CPUExecutionProvider";

  template <class Tables>
  static void run(const Tables& tables, const Tensors& tensors, const ComputeContext& context) {
    const CpuCall call(tables, tensors);
    if (tensors.size <= 2 * kTaskSize) {
      call.run(0, tensors.size);  // waking a second thread would take longer
      return;
    }
    const auto task = [](void* data, size_t i) {
      const auto& [shared, size] = *static_cast<const Shared*>(data);
      const int64_t begin = static_cast<int64_t>(i) * kTaskSize;
      shared.run(begin, begin + kTaskSize < size ? begin + kTaskSize : size);
    };
    Shared shared{call, tensors.size};
    context.parallel_for(static_cast<size_t>((tensors.size + kTaskSize - 1) / kTaskSize), task, &shared);
  }

 private:
  struct Shared {
    const CpuCall& call;
    int64_t size;
  };
};

#ifdef SNNCC_CUDA
struct Cuda {
  static constexpr const char* kProvider = "CUDAExecutionProvider";

  template <class Tables>
  static void run(const Tables& tables, const Tensors& tensors, const ComputeContext& context) {
    const char* error = cuda_run(tables, tensors, context.gpu_stream());
    if (error != nullptr) {
      throw RuntimeError(std::string("CUDA kernel did not start: ") + error, kOrtEpFail);
    }
  }
};
#endif

}  // namespace snncc

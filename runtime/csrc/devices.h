// SPDX-License-Identifier: Apache-2.0
// Where a neuron runs: what onnxruntime calls the device, and how a call gets there.
#pragma once

#include <algorithm>

#include "cpu/edges.h"
#include "cpu/launch.h"
#include "cpu/over_time.h"
#include "cpu/sliced.h"
#include "ort.h"
#ifdef SNNCC_CUDA
#include "cuda/launch.cuh"
#endif

namespace snncc {

struct Cpu {
  static constexpr const char* kProvider = "CPUExecutionProvider";

  template <class Tables>
  static void run(const Tables& tables, const Tensors& tensors, const Call& call) {
    share(CpuCall(tables, tensors), tensors.size, kTaskSize, call);
  }

  template <class Rule>
  static void run(const Rule& rule, const TimedTensors& tensors, const Call& call) {
    share(TimedCall<Rule>(rule, tensors), tensors.each.size, timed_task_size(tensors.steps), call);
  }

  template <class Tables>
  static void run(const Tables& tables, const SlicedTensors& tensors, const Call& call) {
    share(SlicedCall<Tables>(tables, tensors), tensors.each.size, kBlock, call);
  }

  static void run(const EdgeTensors& tensors, const Call& call) {
    check_edges(tensors);
    share(EdgeCall(tensors), tensors.samples * tensors.nodes, kNodesPerTask, call);
  }

 private:
  // Neurons [0, size), `task_size` at a time, in several threads where there is work enough to wake them.
  template <class Work>
  static void share(const Work& work, int64_t size, int64_t task_size, const Call& call) {
    if (size <= 2 * task_size) {
      work.run(0, size);
      return;
    }
    struct Shared {
      const Work& work;
      int64_t size;
      int64_t task_size;
    };
    const auto task = [](void* data, size_t i) {
      const auto& shared = *static_cast<const Shared*>(data);
      const int64_t begin = static_cast<int64_t>(i) * shared.task_size;
      shared.work.run(begin, std::min(begin + shared.task_size, shared.size));
    };
    Shared shared{work, size, task_size};
    call.parallel_for(static_cast<size_t>((size + task_size - 1) / task_size), task, &shared);
  }
};

#ifdef SNNCC_CUDA
struct Cuda {
  static constexpr const char* kProvider = "CUDAExecutionProvider";

  // For tables or a rule, and their tensors.
  template <class Neuron, class Arrays>
  static void run(const Neuron& neuron, const Arrays& arrays, const Call& call) {
    check_start(cuda_run(neuron, arrays, call.gpu_stream()));
  }

  static void run(const EdgeTensors& tensors, const Call& call) { check_start(cuda_run(tensors, call.gpu_stream())); }

 private:
  static void check_start(const char* error) {
    if (error != nullptr) {
      throw RuntimeError(std::string("CUDA kernel did not start: ") + error, kOrtEpFail);
    }
  }
};
#endif

}  // namespace snncc

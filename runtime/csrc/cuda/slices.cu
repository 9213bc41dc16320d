// SPDX-License-Identifier: Apache-2.0
// Neurons whose values travel in slices: one thread per neuron, so that a warp's accesses to a slice lie side by side.
#include "common/phase.h"
#include "common/slices.h"
#include "cuda/launch.cuh"
#include "cuda/pointwise.cuh"

namespace snncc {
namespace {

struct WaitArguments {
  Tensors each;
  int32_t steps;
  int32_t wait;
  float levels[kMaxCudaSteps];
  float thresholds[kMaxCudaSteps];
};

struct EncoderArguments {
  Tensors each;
  int32_t steps;
  int32_t wait;
  int32_t limit;
  bool is_signed;
  float levels[kMaxCudaSteps];
  float thresholds[kMaxCudaSteps];
  float last_thresholds[kMaxCudaSteps];
};

__device__ int64_t this_neuron() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

template <class Element>
__device__ void give(const Tensors& each, int64_t place, float value, int32_t count) {
  static_cast<Element*>(each.y)[place] = from_float<Element>(value);
  if (each.count != nullptr) {
    each.count[place] = count;
  }
}

template <class Element>
__global__ void __launch_bounds__(kThreads) wait_kernel(const __grid_constant__ WaitArguments a) {
  const int64_t i = this_neuron();
  if (i >= a.each.size) {
    return;
  }
  const float scale = Walk(a.each.scale, i).next();
  const int32_t slices = a.steps - a.wait + 1;
  int32_t phase = a.steps;
  float value = 0.0f;
  float u = 0.0f;
  for (int32_t p = 0; p < a.steps; ++p) {
    if (p < slices) {
      u = to_float(static_cast<const Element*>(a.each.x)[p * a.each.size + i]) / scale;
    }
    wait_step(phase, value, u, a.thresholds[p], a.levels[p], p, a.steps);
  }
  for (int32_t j = 0; j < slices; ++j) {
    const bool sent = phase <= a.wait - 1 + j;
    give<Element>(a.each, j * a.each.size + i, (sent ? value : 0.0f) * scale, sent ? 1 : 0);
  }
}

template <class Element>
__global__ void __launch_bounds__(kThreads) encoder_kernel(const __grid_constant__ EncoderArguments a) {
  const int64_t i = this_neuron();
  if (i >= a.each.size) {
    return;
  }
  const float scale = Walk(a.each.scale, i).next();
  const float u = to_float(static_cast<const Element*>(a.each.x)[i]) / scale;
  float rest = phase_start(u, a.is_signed);
  float value = 0.0f;
  int32_t count = 0;
  for (int32_t p = 0; p < a.steps; ++p) {
    phase_step(rest, value, count, a.levels[p], a.thresholds[p], a.last_thresholds[p], a.limit);
    if (p >= a.wait - 1) {
      const int64_t place = (p - a.wait + 1) * a.each.size + i;
      give<Element>(a.each, place, phase_finish(value, u, a.is_signed) * scale, count);
    }
  }
}

template <class Arguments>
const char* launch_each(void (*kernel)(Arguments), const Arguments& arguments, void* stream) {
  const int64_t blocks = (arguments.each.size + kThreads - 1) / kThreads;
  kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(arguments);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace

const char* cuda_run(const WaitPhases& tables, const SlicedTensors& tensors, void* stream) {
  if (tables.steps > kMaxCudaSteps) {
    return too_long();
  }
  WaitArguments arguments{tensors.each, tables.steps, tables.wait, {}, {}};
  for (int32_t p = 0; p < tables.steps; ++p) {
    arguments.levels[p] = tables.levels[p];
    arguments.thresholds[p] = tables.thresholds[p];
  }
  return for_type(tensors.each.type, [&](auto element) {
    return launch_each(wait_kernel<decltype(element)>, arguments, stream);
  });
}

const char* cuda_run(const EncoderPhases& tables, const SlicedTensors& tensors, void* stream) {
  const PhaseTables& phases = tables.phases;
  if (phases.steps > kMaxCudaSteps) {
    return too_long();
  }
  EncoderArguments arguments{tensors.each, phases.steps, tables.wait, phases.limit, phases.is_signed != 0, {}, {}, {}};
  for (int32_t p = 0; p < phases.steps; ++p) {
    arguments.levels[p] = phases.levels[p];
    arguments.thresholds[p] = phases.thresholds[p];
    arguments.last_thresholds[p] = phases.last_thresholds[p];
  }
  return for_type(tensors.each.type, [&](auto element) {
    return launch_each(encoder_kernel<decltype(element)>, arguments, stream);
  });
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
#include "common/phase.h"
#include "cuda/launch.cuh"
#include "cuda/pointwise.cuh"

namespace snncc {
namespace {

// The tables by value: kernel arguments live in the constant bank.
struct OneSpikeArguments {
  Tensors tensors;
  bool aligned;  // to 16 bytes, all arrays
  int32_t size;  // a power of two
  float thresholds[kMaxCudaSteps];
  float levels[kMaxCudaSteps];
};

struct PhaseArguments {
  Tensors tensors;
  bool aligned;
  int32_t steps;
  int32_t limit;
  bool is_signed;
  float levels[kMaxCudaSteps];
  float thresholds[kMaxCudaSteps];
  float last_thresholds[kMaxCudaSteps];
};

// The searched ladder is read at an address of each thread's own, which the constant bank would serve one by one; a
// table of up to 32 entries lies in as many banks of shared memory.
struct OneSpike {
  const float* thresholds;
  const float* levels;
  int32_t size;

  __device__ float operator()(float u, int32_t& count) const {
    count = u >= thresholds[0] ? 1 : 0;
    return one_spike(thresholds, levels, size, u);
  }
};

struct MultiSpike {
  const PhaseArguments& a;

  __device__ float operator()(float u, int32_t& count) const {
    float rest = phase_start(u, a.is_signed);
    float value = 0.0f;
    count = 0;
    for (int32_t p = 0; p < a.steps; ++p) {
      phase_step(rest, value, count, a.levels[p], a.thresholds[p], a.last_thresholds[p], a.limit);
    }
    return phase_finish(value, u, a.is_signed);
  }
};

template <class Element>
__global__ void __launch_bounds__(kThreads) one_spike_kernel(const __grid_constant__ OneSpikeArguments a) {
  __shared__ float thresholds[kMaxCudaSteps];
  __shared__ float levels[kMaxCudaSteps];
  for (int j = static_cast<int>(threadIdx.x); j < a.size; j += kThreads) {
    thresholds[j] = a.thresholds[j];
    levels[j] = a.levels[j];
  }
  __syncthreads();
  fire_pack<Element>(a.tensors, a.aligned, OneSpike{thresholds, levels, a.size});
}

template <class Element>
__global__ void __launch_bounds__(kThreads) phase_kernel(const __grid_constant__ PhaseArguments a) {
  fire_pack<Element>(a.tensors, a.aligned, MultiSpike{a});
}

}  // namespace

const char* cuda_run(const Ladder& ladder, const Tensors& tensors, void* stream) {
  if (ladder.steps > kMaxCudaSteps) {
    return too_long();
  }
  if (tensors.size == 0) {
    return nullptr;
  }
  OneSpikeArguments arguments{tensors, is_aligned(tensors), 1, {}, {}};
  while (arguments.size < ladder.steps) {
    arguments.size *= 2;
  }
  for (int32_t j = 0; j < arguments.size; ++j) {
    arguments.thresholds[j] = ladder.thresholds[j];
    arguments.levels[j] = ladder.levels[j];
  }
  return for_type(tensors.type, [&](auto element) {
    using Element = decltype(element);
    return launch<Element>(one_spike_kernel<Element>, arguments, tensors.size, stream);
  });
}

const char* cuda_run(const PhaseTables& tables, const Tensors& tensors, void* stream) {
  if (tables.steps > kMaxCudaSteps) {
    return too_long();
  }
  if (tensors.size == 0) {
    return nullptr;
  }
  PhaseArguments arguments{tensors, is_aligned(tensors), tables.steps, tables.limit, tables.is_signed != 0, {}, {}, {}};
  for (int32_t p = 0; p < tables.steps; ++p) {
    arguments.levels[p] = tables.levels[p];
    arguments.thresholds[p] = tables.thresholds[p];
    arguments.last_thresholds[p] = tables.last_thresholds[p];
  }
  return for_type(tensors.type, [&](auto element) {
    using Element = decltype(element);
    return launch<Element>(phase_kernel<Element>, arguments, tensors.size, stream);
  });
}

}  // namespace snncc

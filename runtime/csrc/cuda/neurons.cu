// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>

#include "common/phase.h"
#include "cuda/elements.cuh"
#include "cuda/launch.cuh"

namespace snncc {
namespace {

constexpr int kThreads = 256;

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

template <int kSize>
__device__ void store_counts(int32_t* counts, const int32_t (&count)[kSize], bool whole, int left) {
#pragma unroll
  for (int k = 0; k < kSize; k += 4) {
    Pack<int32_t> four{};
#pragma unroll
    for (int m = 0; m < 4 && m < kSize; ++m) {
      four.at[m] = count[k + m];
    }
    store(counts + k, four, whole && kSize >= 4, left - k);
  }
}

// One pack of elements per thread.
template <class Element, class Neuron>
__device__ void fire_pack(const Tensors& t, bool aligned, const Neuron& neuron) {
  constexpr int kSize = kPack<Element>;
  const int64_t start = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kSize;
  if (start >= t.size) {
    return;
  }
  const int left = static_cast<int>(t.size - start < kSize ? t.size - start : kSize);
  const bool whole = aligned && left == kSize;
  Pack<Element> pack = load(static_cast<const Element*>(t.x) + start, whole, left);
  Pack<Element> residual{};
  if (t.residual != nullptr) {
    residual = load(static_cast<const Element*>(t.residual) + start, whole, left);
  }
  Walk scale(t.scale, start);
  Walk weight(t.weight, t.residual != nullptr ? start : 0);
  int32_t count[kSize];
#pragma unroll
  for (int k = 0; k < kSize; ++k) {
    float v = to_float(pack.at[k]);
    if (t.residual != nullptr) {
      v = join(v, weight.next(), to_float(residual.at[k]));
    }
    const float unit = scale.next();
    pack.at[k] = from_float<Element>(neuron(v / unit, count[k]) * unit);
  }
  store(static_cast<Element*>(t.y) + start, pack, whole, left);
  if (t.count != nullptr) {
    store_counts(t.count + start, count, whole, left);
  }
}

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

bool is_aligned(const Tensors& t) {
  const auto bits = reinterpret_cast<uintptr_t>(t.x) | reinterpret_cast<uintptr_t>(t.residual) |
                    reinterpret_cast<uintptr_t>(t.y) | reinterpret_cast<uintptr_t>(t.count);
  return bits % 16 == 0;
}

template <class Element, class Arguments>
const char* launch(void (*kernel)(Arguments), const Arguments& arguments, void* stream) {
  constexpr int64_t kPerBlock = int64_t{kThreads} * kPack<Element>;
  const int64_t blocks = (arguments.tensors.size + kPerBlock - 1) / kPerBlock;
  kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(arguments);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

const char* too_long() { return "the tables have more than 256 phases; run this model on the CPU"; }

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
  switch (tensors.type) {
    case ElementType::kFloat:
      return launch<float>(one_spike_kernel<float>, arguments, stream);
    case ElementType::kHalf:
      return launch<__half>(one_spike_kernel<__half>, arguments, stream);
    case ElementType::kDouble:
      return launch<double>(one_spike_kernel<double>, arguments, stream);
  }
  return "unknown element type";
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
  switch (tensors.type) {
    case ElementType::kFloat:
      return launch<float>(phase_kernel<float>, arguments, stream);
    case ElementType::kHalf:
      return launch<__half>(phase_kernel<__half>, arguments, stream);
    case ElementType::kDouble:
      return launch<double>(phase_kernel<double>, arguments, stream);
  }
  return "unknown element type";
}

}  // namespace snncc

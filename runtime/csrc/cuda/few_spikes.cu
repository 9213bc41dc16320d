// SPDX-License-Identifier: Apache-2.0
#include "common/few_spikes.h"
#include "cuda/launch.cuh"
#include "cuda/pointwise.cuh"

namespace snncc {
namespace {

// The tables by value: kernel arguments live in the constant bank.
struct Arguments {
  Tensors tensors;
  bool aligned;  // to 16 bytes, all arrays
  int32_t steps;
  float initial;
  FewSpikesClosed closed;
  float thresholds[kMaxCudaSteps];
  float resets[kMaxCudaSteps];
  float values[kMaxCudaSteps];
};

struct Neuron {
  const Arguments& a;

  __device__ float operator()(float u, int32_t& count) const {
    float v = u + a.initial;
    float value = 0.0f;
    count = 0;
    for (int32_t t = 0; t < a.steps; ++t) {
      const bool fires = few_spikes_step(v, a.thresholds[t], a.resets[t]);
      value = value + (fires ? a.values[t] : 0.0f);
      count += fires ? 1 : 0;
    }
    return value;
  }
};

struct ClosedNeuron {
  const Arguments& a;

  __device__ float operator()(float u, int32_t& count) const {
    const float v = u + a.initial;
    const int32_t units = whole_units(a.closed, v);
    count = spikes_of_units(a.closed, units, v);
    return static_cast<float>(units) * a.closed.unit;
  }
};

template <class Element>
__global__ void __launch_bounds__(kThreads) few_spikes_kernel(const __grid_constant__ Arguments a) {
  fire_pack<Element>(a.tensors, a.aligned, Neuron{a});
}

template <class Element>
__global__ void __launch_bounds__(kThreads) closed_kernel(const __grid_constant__ Arguments a) {
  fire_pack<Element>(a.tensors, a.aligned, ClosedNeuron{a});
}

}  // namespace

const char* cuda_run(const FewSpikes& tables, const Tensors& tensors, void* stream) {
  if (tables.steps > kMaxCudaSteps) {
    return too_long();
  }
  if (tensors.size == 0) {
    return nullptr;
  }
  Arguments arguments{tensors, is_aligned(tensors), tables.steps, tables.initial, tables.closed, {}, {}, {}};
  for (int32_t t = 0; t < tables.steps; ++t) {
    arguments.thresholds[t] = tables.thresholds[t];
    arguments.resets[t] = tables.resets[t];
    arguments.values[t] = tables.values[t];
  }
  return for_type(tensors.type, [&](auto element) {
    using Element = decltype(element);
    const auto kernel = tables.closed.exists ? closed_kernel<Element> : few_spikes_kernel<Element>;
    return launch<Element>(kernel, arguments, tensors.size, stream);
  });
}

}  // namespace snncc

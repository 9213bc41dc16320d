// SPDX-License-Identifier: Apache-2.0
// Sums over the edges of a graph: one thread per node and channel, so that a warp reads a source's channels together.
#include "common/edges.h"
#include "cuda/launch.cuh"
#include "cuda/pointwise.cuh"

namespace snncc {
namespace {

template <class Element>
__global__ void __launch_bounds__(kThreads) edges_kernel(const __grid_constant__ EdgeTensors t) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= t.samples * t.nodes * t.channels) {
    return;
  }
  const int64_t channel = i % t.channels;
  const int64_t node = i / t.channels % t.nodes;
  const auto* x = static_cast<const Element*>(t.x) + (i - node * t.channels - channel);
  float sum = 0.0f;
  for (int64_t e = first_edge(t, node); e < t.edges && t.targets[e] == node; ++e) {
    const int64_t source = t.sources[e];
    if (source >= 0 && source < t.nodes) {  // nothing may be read elsewhere, whatever the edges say
      sum = sum + t.weights[e] * to_float(x[source * t.channels + channel]);
    }
  }
  static_cast<Element*>(t.y)[i] = from_float<Element>(sum);
}

}  // namespace

const char* cuda_run(const EdgeTensors& tensors, void* stream) {
  const int64_t size = tensors.samples * tensors.nodes * tensors.channels;
  const auto blocks = static_cast<unsigned>((size + kThreads - 1) / kThreads);
  return for_type(tensors.type, [&](auto element) -> const char* {
    edges_kernel<decltype(element)><<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(tensors);
    const cudaError_t error = cudaGetLastError();
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
  });
}

}  // namespace snncc

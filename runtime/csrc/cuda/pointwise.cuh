// SPDX-License-Identifier: Apache-2.0
// How the neurons of one pass read, fire and write on a GPU, whatever their rule; and how a kernel is launched.
#pragma once

#include <cuda_runtime.h>

#include "common/phase.h"
#include "cuda/elements.cuh"

namespace snncc {

constexpr int kThreads = 256;

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

inline bool is_aligned(const Tensors& t) {
  const auto bits = reinterpret_cast<uintptr_t>(t.x) | reinterpret_cast<uintptr_t>(t.residual) |
                    reinterpret_cast<uintptr_t>(t.y) | reinterpret_cast<uintptr_t>(t.count);
  return bits % 16 == 0;
}

// One thread for each pack of `size` elements.
template <class Element, class Arguments>
const char* launch(void (*kernel)(Arguments), const Arguments& arguments, int64_t size, void* stream) {
  constexpr int64_t kPerBlock = int64_t{kThreads} * kPack<Element>;
  const int64_t blocks = (size + kPerBlock - 1) / kPerBlock;
  kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(arguments);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

inline const char* too_long() { return "the tables have more than 256 phases; run this model on the CPU"; }

// launch_as(Element{}) for the GPU's type of an onnx one.
template <class Launch>
const char* for_type(ElementType type, const Launch& launch_as) {
  switch (type) {
    case ElementType::kFloat:
      return launch_as(float{});
    case ElementType::kHalf:
      return launch_as(__half{});
    case ElementType::kDouble:
      return launch_as(double{});
  }
  return "unknown element type";
}

}  // namespace snncc

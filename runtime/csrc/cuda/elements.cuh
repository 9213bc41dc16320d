// SPDX-License-Identifier: Apache-2.0
// How a thread reads and writes its elements, 16 bytes at a time where the arrays allow it, and finds its parameters.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "common/neuron.h"

namespace snncc {

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__half value) { return __half2float(value); }
__device__ inline float to_float(double value) { return static_cast<float>(value); }

template <class Element>
__device__ inline Element from_float(float value) {
  return static_cast<Element>(value);
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}

// The elements that a thread handles: 16 bytes of the widest array that it touches are one access.
template <class Element>
constexpr int kPack = 16 / sizeof(Element);

template <class Element>
struct alignas(16) Pack {
  Element at[kPack<Element>];
};

// `left` elements, at most a pack, from `data` on; `whole` says that one access of 16 bytes may do it.
template <class Element>
__device__ inline Pack<Element> load(const Element* data, bool whole, int left) {
  if (whole) {
    return *reinterpret_cast<const Pack<Element>*>(data);
  }
  Pack<Element> pack{};
#pragma unroll
  for (int k = 0; k < kPack<Element>; ++k) {
    if (k < left) {
      pack.at[k] = data[k];
    }
  }
  return pack;
}

template <class Element>
__device__ inline void store(Element* data, const Pack<Element>& pack, bool whole, int left) {
  if (whole) {
    *reinterpret_cast<Pack<Element>*>(data) = pack;
    return;
  }
#pragma unroll
  for (int k = 0; k < kPack<Element>; ++k) {
    if (k < left) {
      data[k] = pack.at[k];
    }
  }
}

// A walk along a broadcast parameter: one division at its start, none from element to element.
class Walk {
 public:
  __device__ Walk(const Broadcast& b, int64_t start) : b_(b) {
    if (b.channels > 1) {
      const int64_t row = divide(start, b.inner);
      within_ = start - row * b.inner;
      channel_ = row - divide(row, b.channels) * b.channels;
    }
  }

  __device__ float next() {
    const float value = __ldg(b_.data + channel_);
    if (b_.channels > 1 && ++within_ == b_.inner) {
      within_ = 0;
      channel_ = channel_ + 1 == b_.channels ? 0 : channel_ + 1;
    }
    return value;
  }

 private:
  // Division of 64 bits takes several times as long.
  __device__ static int64_t divide(int64_t a, int64_t b) {
    const bool narrow = ((a | b) >> 32) == 0;
    return narrow ? static_cast<int64_t>(static_cast<uint32_t>(a) / static_cast<uint32_t>(b)) : a / b;
  }

  const Broadcast& b_;
  int64_t within_ = 0;
  int64_t channel_ = 0;
};

}  // namespace snncc

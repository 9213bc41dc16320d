// SPDX-License-Identifier: Apache-2.0
#include "common/phase.h"
#include "cuda/launch.cuh"
#include "cuda/pointwise.cuh"

namespace snncc {
namespace {

// Both tables have to fit into the arguments of a kernel.
constexpr int32_t kMaxSteps = kMaxCudaSteps / 2;

// One of the two tables, with ascending thresholds; `size` is a power of two.
struct Table {
  int32_t size;
  float thresholds[kMaxSteps];
  float levels[kMaxSteps];

  static Table of(const Ladder& ladder) {
    Table table{1, {}, {}};
    while (table.size < ladder.steps) {
      table.size *= 2;
    }
    for (int32_t j = 0; j < table.size; ++j) {
      table.thresholds[j] = ladder.thresholds[j];
      table.levels[j] = ladder.levels[j];
    }
    return table;
  }
};

struct CoarseFineArguments {
  Tensors tensors;
  bool aligned;  // to 16 bytes, all arrays
  bool is_signed;
  Table coarse;
  Table fine;
};

// The tables in shared memory: threads read different addresses.
struct CoarseFineSearch {
  const Table& coarse;
  const Table& fine;
  bool is_signed;

  __device__ float operator()(float u, int32_t& count) const {
    const float whole = coarse_fine_start(u, is_signed);
    const float first = one_spike(coarse.thresholds, coarse.levels, coarse.size, whole);
    const float rest = whole - first;
    const float magnitude = rest < 0.0f ? -rest : rest;
    const float second = one_spike(fine.thresholds, fine.levels, fine.size, magnitude);
    count = (whole >= coarse.thresholds[0] ? 1 : 0) + (magnitude >= fine.thresholds[0] ? 1 : 0);
    return coarse_fine_finish(u, first, rest, second, is_signed);
  }
};

__device__ void copy(const Table& from, Table& to) {
  for (int j = static_cast<int>(threadIdx.x); j < from.size; j += kThreads) {
    to.thresholds[j] = from.thresholds[j];
    to.levels[j] = from.levels[j];
  }
  if (threadIdx.x == 0) {
    to.size = from.size;
  }
}

template <class Element>
__global__ void __launch_bounds__(kThreads) coarse_fine_kernel(const __grid_constant__ CoarseFineArguments a) {
  __shared__ Table coarse;
  __shared__ Table fine;
  copy(a.coarse, coarse);
  copy(a.fine, fine);
  __syncthreads();
  fire_pack<Element>(a.tensors, a.aligned, CoarseFineSearch{coarse, fine, a.is_signed});
}

}  // namespace

const char* cuda_run(const CoarseFine& tables, const Tensors& tensors, void* stream) {
  if (tables.coarse.steps > kMaxSteps || tables.fine.steps > kMaxSteps) {
    return "a table has more than 128 phases; run this model on the CPU";
  }
  if (tensors.size == 0) {
    return nullptr;
  }
  const CoarseFineArguments arguments{tensors, is_aligned(tensors), tables.is_signed != 0, Table::of(tables.coarse),
                                      Table::of(tables.fine)};
  return for_type(tensors.type, [&](auto element) {
    using Element = decltype(element);
    return launch<Element>(coarse_fine_kernel<Element>, arguments, tensors.size, stream);
  });
}

}  // namespace snncc

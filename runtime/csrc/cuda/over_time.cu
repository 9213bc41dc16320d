// SPDX-License-Identifier: Apache-2.0
// The ops over time: a thread takes a pack of neurons through all steps of the call, their states in registers.
#include "common/rules.h"
#include "cuda/launch.cuh"
#include "cuda/pointwise.cuh"

namespace snncc {
namespace {

template <class Rule>
struct Arguments {
  TimedTensors tensors;
  bool aligned;  // to 16 bytes, all arrays, at every step
  Rule rule;
};

// The neurons [start, start + left) of a thread.
template <class Element, class Rule>
struct PackOfNeurons {
  static constexpr int kSize = kPack<Element>;
  int64_t start;
  int left;
  bool whole;
  float scale[kSize];
  float states[kSize][Rule::kStates];

  __device__ PackOfNeurons(const TimedTensors& t, bool aligned)
      : start((static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kSize),
        left(static_cast<int>(min(int64_t{kSize}, t.each.size - start))),
        whole(aligned && left == kSize) {}

  __device__ void bring_in(const TimedTensors& t) {
    const bool scaled = t.each.scale.data != nullptr;
    Walk walk(t.each.scale, scaled ? start : 0);
#pragma unroll
    for (int k = 0; k < kSize; ++k) {
      scale[k] = scaled ? walk.next() : 1.0f;
#pragma unroll
      for (int s = 0; s < Rule::kStates; ++s) {
        const State& state = t.states[s];
        states[k][s] = k < left ? state.before[state.stride * (start + k)] : 0.0f;
      }
    }
  }

  // One step; its arrays begin `offset` elements behind those of the first.
  template <class Moment>
  __device__ void live(const Arguments<Rule>& a, const Moment& now, int64_t offset) {
    const Tensors& each = a.tensors.each;
    Pack<Element> pack = load(static_cast<const Element*>(each.x) + offset + start, whole, left);
    int32_t fired[kSize] = {};
#pragma unroll
    for (int k = 0; k < kSize; ++k) {
      const uint32_t place = Rule::kPlaces ? static_cast<uint32_t>((start + k) % a.tensors.sample) : 0;
      const float value = step(a.rule, now, to_float(pack.at[k]) / scale[k], place, states[k], fired[k]);
      pack.at[k] = from_float<Element>(value * scale[k]);
    }
    if constexpr (!Rule::kAtEnd) {
      store(static_cast<Element*>(each.y) + offset + start, pack, whole, left);
    }
    if (Rule::kCounts && each.count != nullptr) {
      store_counts(each.count + offset + start, fired, whole, left);
    }
  }

  __device__ void take_out(const Arguments<Rule>& a) const {
#pragma unroll
    for (int k = 0; k < kSize; ++k) {
      if (k >= left) {
        break;
      }
#pragma unroll
      for (int s = 0; s < Rule::kStates; ++s) {
        if (a.tensors.states[s].after != nullptr) {
          a.tensors.states[s].after[start + k] = states[k][s];
        }
      }
      if constexpr (Rule::kAtEnd) {
        static_cast<Element*>(a.tensors.each.y)[start + k] = from_float<Element>(finish(a.rule, states[k][0]));
      }
    }
  }
};

template <class Element, class Rule>
__global__ void __launch_bounds__(kThreads) timed_kernel(const __grid_constant__ Arguments<Rule> a) {
  PackOfNeurons<Element, Rule> neurons(a.tensors, a.aligned);
  if (neurons.left <= 0) {
    return;
  }
  neurons.bring_in(a.tensors);
  for (int64_t t = 0; t < a.tensors.steps; ++t) {
    at(a.rule, wrapped_sum(a.tensors.first, t), [&](const auto& now) { neurons.live(a, now, t * a.tensors.each.size); });
  }
  neurons.take_out(a);
}

}  // namespace

template <class Rule>
const char* cuda_run(const Rule& rule, const TimedTensors& tensors, void* stream) {
  return for_type(tensors.each.type, [&](auto element) {
    using Element = decltype(element);
    const bool steps_aligned = tensors.steps == 1 || tensors.each.size % kPack<Element> == 0;
    const Arguments<Rule> arguments{tensors, steps_aligned && is_aligned(tensors.each), rule};
    return launch<Element>(timed_kernel<Element, Rule>, arguments, tensors.each.size, stream);
  });
}

template const char* cuda_run(const Integrate&, const TimedTensors&, void*);
template const char* cuda_run(const SignedIntegrate&, const TimedTensors&, void*);
template const char* cuda_run(const RoundingIntegrate&, const TimedTensors&, void*);
template const char* cuda_run(const Msat&, const TimedTensors&, void*);
template const char* cuda_run(const ConfidentMsat&, const TimedTensors&, void*);
template const char* cuda_run(const RunningTotal&, const TimedTensors&, void*);
template const char* cuda_run(const Increase&, const TimedTensors&, void*);
template const char* cuda_run(const Readout&, const TimedTensors&, void*);
template const char* cuda_run(const PhaseStep&, const TimedTensors&, void*);
template const char* cuda_run(const FewSpikesStep&, const TimedTensors&, void*);
template const char* cuda_run(const Differential&, const TimedTensors&, void*);
template const char* cuda_run(const LastStep&, const TimedTensors&, void*);

}  // namespace snncc

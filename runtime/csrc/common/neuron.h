// SPDX-License-Identifier: Apache-2.0
// Arguments of both devices' launchers: plain pointers and sizes.
#pragma once

#include <cstdint>

namespace snncc {

// onnx's numbers of element types.
enum class ElementType : int32_t { kFloat = 1, kHalf = 10, kDouble = 11 };

// A parameter spread over the tensor: element i uses data[(i / inner) % channels]; channels = 1 for a single value.
struct Broadcast {
  const float* data = nullptr;
  int64_t channels = 1;
  int64_t inner = 1;
};

// The arrays of one call; `residual` and `count` may be absent, `y` may be `x`.
struct Tensors {
  ElementType type = ElementType::kFloat;
  int64_t size = 0;
  const void* x = nullptr;
  const void* residual = nullptr;
  void* y = nullptr;
  int32_t* count = nullptr;
  Broadcast scale;
  Broadcast weight;  // of the residual
};

// The tables of a one-spike neuron, with ascending thresholds for the search. There are `padded` entries,
// at least `steps`, a power of two: padding entries have an infinite threshold and the top level.
struct Ladder {
  const float* thresholds = nullptr;
  const float* levels = nullptr;
  int32_t steps = 0;
  int32_t padded = 0;
};

// The tables of a neuron with up to `limit` spikes, in the order of phases.
struct PhaseTables {
  const float* levels = nullptr;
  const float* thresholds = nullptr;
  const float* last_thresholds = nullptr;
  int32_t steps = 0;
  int32_t limit = 1;
  int32_t is_signed = 0;
};

// The tables of a neuron with a coarse spike, and a fine one of either sign for the remainder.
struct CoarseFine {
  Ladder coarse;
  Ladder fine;
  int32_t is_signed = 0;
};

// What a few-spikes neuron sends if its steps take and send powers of two, halved from step to step or all equal: the
// bits of a whole number of `unit`s, or as many units, at most `top` in all.
struct FewSpikesClosed {
  bool exists = false;
  bool is_bits = false;
  int32_t idle = 0;  // steps at the end that only fire for a potential of 2^127 or more, without effect
  float unit = 1.0f;
  float units_per_one = 1.0f;
  float top = 0.0f;
};

// The tables of a few-spikes neuron, in the order of steps.
struct FewSpikes {
  const float* thresholds = nullptr;
  const float* resets = nullptr;
  const float* values = nullptr;
  int32_t steps = 0;
  float initial = 0.0f;  // added to the potential before the first step
  FewSpikesClosed closed;
};

// The tables of a one-spike neuron that waits, in the order of phases. Its input and output are steps - wait + 1
// slices.
struct WaitPhases {
  const float* levels = nullptr;
  const float* thresholds = nullptr;
  int32_t steps = 0;
  int32_t wait = 1;
};

// The tables of an encoder before such neurons: its output has the same number of slices.
struct EncoderPhases {
  PhaseTables phases;
  int32_t wait = 1;
};

// The arrays of one slice, where the next slices follow; `each.size` is the number of neurons.
struct SlicedTensors {
  Tensors each;
};

}  // namespace snncc

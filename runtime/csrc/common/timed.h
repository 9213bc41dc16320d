// SPDX-License-Identifier: Apache-2.0
// The ops over time: arguments of their launchers, and the update rules of their neurons.
//
// A rule is a plain struct of parameters that defines
//   kStates   how many states a neuron has          kCounts   whether it reports its spikes
//   kPlaces   whether the index of a neuron within its sample is needed
//   kAtEnd    whether it gives one value after the last step, instead of one at each
// and has these functions, as overloads:
//   void at(rule, number, live)     calls live(moment) with what holds for all neurons at the time step of that number,
//                                   from 0; steps that differ in their arithmetic have moments of different types, so
//                                   that no loop over neurons has to ask
//   float step(rule, moment, input, place, states, fired)     what the neuron emits; it updates its states
//   float finish(rule, state)                                 what it gives at the end, with kAtEnd
// Input and result are in units of the neuron's scale.
#pragma once

#include <cstdint>

#include "common/hd.h"
#include "common/neuron.h"

namespace snncc {

// Step numbers are inputs with arbitrary values; they wrap, as int64 does in the function bodies.
static SNNCC_HD int64_t wrapped_sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

static SNNCC_HD int64_t wrapped_difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

constexpr int kMaxStates = 3;

// The input of a state is one value for all neurons (`stride` 0) or one for each (1); its output is optional.
struct State {
  const float* before = nullptr;
  int64_t stride = 0;
  float* after = nullptr;
};

// The arrays of one call: those of a single time step, where the next steps follow, and the states. `each.size` is the
// number of neurons. Without `each.scale.data` the scale is 1.
struct TimedTensors {
  Tensors each;
  int64_t steps = 1;
  int64_t first = 0;   // the number of the first step
  int64_t sample = 1;  // neurons of one sample
  State states[kMaxStates];
};

struct Nothing {};

}  // namespace snncc

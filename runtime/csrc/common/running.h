// SPDX-License-Identifier: Apache-2.0
// The rules of sums over time and their increase; the state is the sum, or the previous sum.
#pragma once

#include "common/hd.h"
#include "common/timed.h"

namespace snncc {

struct RunningTotal {
  static constexpr int kStates = 1;
  static constexpr bool kCounts = false, kPlaces = false, kAtEnd = false;
  bool mean;
};

template <class Live>
static SNNCC_HD void at(const RunningTotal& rule, int64_t number, const Live& live) {
  live(rule.mean ? static_cast<float>(wrapped_sum(number, 1)) : 1.0f);
}

static SNNCC_HD float step(const RunningTotal&, float by, float input, uint32_t, float* states, int32_t&) {
  states[0] = states[0] + input;
  return states[0] / by;
}

struct Increase {
  static constexpr int kStates = 1;
  static constexpr bool kCounts = false, kPlaces = false, kAtEnd = false;
  bool mean;
};

template <class Live>
static SNNCC_HD void at(const Increase& rule, int64_t number, const Live& live) {
  live(rule.mean ? static_cast<float>(wrapped_sum(number, 1)) : 1.0f);
}

static SNNCC_HD float step(const Increase&, float by, float input, uint32_t, float* states, int32_t&) {
  const float before = states[0];
  states[0] = input * by;
  return states[0] - before;
}

struct Readout {
  static constexpr int kStates = 1;
  static constexpr bool kCounts = false, kPlaces = false, kAtEnd = true;
  float number;  // of all steps, this call's included
};

template <class Live>
static SNNCC_HD void at(const Readout&, int64_t, const Live& live) {
  live(Nothing{});
}

static SNNCC_HD float step(const Readout&, Nothing, float input, uint32_t, float* states, int32_t&) {
  states[0] = states[0] + input;
  return 0.0f;
}

// The state is the value of the last step.
struct LastStep {
  static constexpr int kStates = 1;
  static constexpr bool kCounts = false, kPlaces = false, kAtEnd = true;
};

template <class Live>
static SNNCC_HD void at(const LastStep&, int64_t, const Live& live) {
  live(Nothing{});
}

static SNNCC_HD float step(const LastStep&, Nothing, float input, uint32_t, float* states, int32_t&) {
  states[0] = input;
  return 0.0f;
}

static SNNCC_HD float finish(const LastStep&, float state) { return state; }

static SNNCC_HD float finish(const Readout& rule, float state) { return state / rule.number; }

}  // namespace snncc

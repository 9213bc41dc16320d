// SPDX-License-Identifier: Apache-2.0
// The rules of the integrate-and-fire neurons with soft reset; their first state is the potential.
#pragma once

#include "common/hd.h"
#include "common/timed.h"

namespace snncc {

struct Integrate {
  static constexpr int kStates = 1;
  static constexpr bool kCounts = true, kPlaces = false, kAtEnd = false;
  float bias;
};

template <class Live>
static SNNCC_HD void at(const Integrate&, int64_t, const Live& live) {
  live(Nothing{});
}

static SNNCC_HD float step(const Integrate& rule, Nothing, float input, uint32_t, float* states, int32_t& fired) {
  const float v = states[0] + input + rule.bias;
  const float z = v >= 1.0f ? 1.0f : 0.0f;
  states[0] = v - z;
  fired = v >= 1.0f ? 1 : 0;
  return z;
}

// Neurons that take spikes back; the second state is the number of positive minus that of negative spikes.
struct TakingBack {
  static constexpr int kStates = 2;
  static constexpr bool kCounts = true, kPlaces = false, kAtEnd = false;
  float bias;
};

struct SignedIntegrate : TakingBack {};

struct RoundingIntegrate : TakingBack {};

static SNNCC_HD bool too_low(const SignedIntegrate&, float v) { return v <= -1.0f; }

static SNNCC_HD bool too_low(const RoundingIntegrate&, float v) { return v < 0.0f; }

template <class Live>
static SNNCC_HD void at(const TakingBack&, int64_t, const Live& live) {
  live(Nothing{});
}

template <class Rule>
static SNNCC_HD float take_back_step(const Rule& rule, float input, float* states, int32_t& fired) {
  const float v = states[0] + input + rule.bias;
  const bool takes_back = too_low(rule, v) & (states[1] >= 1.0f);
  const float down = takes_back ? -1.0f : 0.0f;
  const float z = v >= 1.0f ? 1.0f : down;
  states[0] = v - z;
  states[1] = states[1] + z;
  fired = z != 0.0f ? 1 : 0;
  return z;
}

static SNNCC_HD float step(const SignedIntegrate& rule, Nothing, float input, uint32_t, float* states,
                           int32_t& fired) {
  return take_back_step(rule, input, states, fired);
}

static SNNCC_HD float step(const RoundingIntegrate& rule, Nothing, float input, uint32_t, float* states,
                           int32_t& fired) {
  return take_back_step(rule, input, states, fired);
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The rules of the phase and few-spikes neurons that run one time step per call: the tables' entries of that step.
#pragma once

#include <cmath>

#include "common/few_spikes.h"
#include "common/hd.h"
#include "common/timed.h"

namespace snncc {

// States: the remaining potential, the value of the spikes so far, and their number.
struct PhaseStep {
  static constexpr int kStates = 3;
  static constexpr bool kCounts = true, kPlaces = false, kAtEnd = false;
  float level, threshold, last_threshold;
  float limit;  // spikes allowed
  float last;   // spikes sent when only the last is left
  bool active, is_signed;
};

template <class Live>
static SNNCC_HD void at(const PhaseStep&, int64_t, const Live& live) {
  live(Nothing{});
}

static SNNCC_HD float step(const PhaseStep& rule, Nothing, float u, uint32_t, float* states, int32_t& fired) {
  const float sent = states[2];
  const float whole = rule.is_signed ? std::fabs(u) : u;
  const float rest = sent == 0.0f ? whole : states[0];
  const float needed = sent == rule.last ? rule.last_threshold : rule.threshold;
  const bool fires = rule.active & (sent < rule.limit) & (rest >= needed);
  const float spike = fires ? rule.level : 0.0f;
  states[0] = rest - spike;
  states[1] = states[1] + spike;
  states[2] = sent + (fires ? 1.0f : 0.0f);
  fired = fires ? 1 : 0;
  return rule.is_signed & (u < 0.0f) ? -states[1] : states[1];
}

// States: the remaining potential, and the value of the spikes so far.
struct FewSpikesStep {
  static constexpr int kStates = 2;
  static constexpr bool kCounts = true, kPlaces = false, kAtEnd = false;
  float threshold, reset, worth, initial;
  bool first, active;
};

template <class Live>
static SNNCC_HD void at(const FewSpikesStep&, int64_t, const Live& live) {
  live(Nothing{});
}

static SNNCC_HD float step(const FewSpikesStep& rule, Nothing, float u, uint32_t, float* states, int32_t& fired) {
  const float charged = u + rule.initial;
  const float before = rule.first ? charged : states[0];
  float after = before;
  const bool fires = few_spikes_step(after, rule.threshold, rule.reset) & rule.active;
  const float more = states[1] + rule.worth;
  states[0] = fires ? after : before;
  states[1] = fires ? more : states[1];
  fired = fires ? 1 : 0;
  return states[1];
}

}  // namespace snncc

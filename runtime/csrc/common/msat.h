// SPDX-License-Identifier: Apache-2.0
// The rules of the neurons with a multi-stage adaptive threshold, as in snncc/ops/msat.py. States: the potential
// after firing, and its sum over all steps so far.
#pragma once

#include <cmath>
#include <initializer_list>

#include "common/arithmetic.h"
#include "common/hd.h"
#include "common/timed.h"

namespace snncc {

struct Msat {
  static constexpr int kStates = 2;
  static constexpr bool kCounts = true, kPlaces = false, kAtEnd = false;
  float alpha, k_a, k_i, C, tau_mp, tau_rd, V_T;
};

// The first time step has a threshold of its own.
struct MsatFirst {};
struct MsatLater {
  float past;  // steps so far
};

template <class Live>
static SNNCC_HD void at(const Msat&, int64_t number, const Live& live) {
  if (number == 0) {
    live(MsatFirst{});
  } else {
    live(MsatLater{static_cast<float>(number)});
  }
}

static SNNCC_HD float msat_threshold(const Msat&, MsatFirst, float, float, float) { return 1.0f; }

// `distance` of the potential to its mean.
static SNNCC_HD float msat_threshold_at(const Msat& rule, float current, float distance) {
  const float tracking = (distance * rule.alpha + rule.V_T) + softplus_steps(distance / rule.k_i) * rule.k_a;
  return logistic_steps(tracking * rule.tau_mp + exp_steps(-(current / rule.C)) * rule.tau_rd);
}

static SNNCC_HD float msat_threshold(const Msat& rule, MsatLater now, float current, float v, float total) {
  return msat_threshold_at(rule, current, v - total / now.past);
}

// Values below all thresholds of neurons whose distance is at least -1, of those among them whose current is at most 1,
// and of those whose distance is not negative either: thresholds rise with the distance and fall with the current. All
// are 0, below every threshold, where parameters are unusual.
struct MsatBounds {
  float near = 0.0f, weak = 0.0f, weak_above_mean = 0.0f;
};

static inline MsatBounds msat_bounds(const Msat& rule) {
  constexpr float kMost = 8.0f;  // the errors of the functions' steps then change a threshold by less than 1 %
  for (const float parameter : {rule.alpha, rule.k_a, rule.tau_mp, rule.tau_rd, -rule.V_T}) {
    if (!(parameter >= 0.0f && parameter <= kMost)) {
      return {};
    }
  }
  if (!(rule.k_i > 0.0f) || !(rule.C > 0.0f)) {
    return {};
  }
  const auto bound = [&](float distance, float evoked) {
    const float tracking = rule.alpha * distance + rule.V_T + rule.k_a * std::log1p(std::exp(distance / rule.k_i));
    return 0.98f / (1.0f + std::exp(-(rule.tau_mp * tracking + rule.tau_rd * evoked)));
  };
  const float evoked = std::exp(-1.0f / rule.C);
  return {bound(-1.0f, 0.0f), bound(-1.0f, evoked), bound(0.0f, evoked)};
}

// `may`: whether a spike would survive.
template <class Moment>
static SNNCC_HD float msat_step(const Msat& rule, Moment now, float current, bool may, float* states, int32_t& fired) {
  const float threshold = msat_threshold(rule, now, current, states[0], states[1]);
  const float charged = states[0] + current;
  const bool fires = may & (charged >= threshold);
  const float value = fires ? threshold : 0.0f;
  states[0] = charged - value;
  states[1] = states[1] + states[0];
  fired = fires ? 1 : 0;
  return value;
}

template <class Moment>
static SNNCC_HD float step(const Msat& rule, Moment now, float current, uint32_t, float* states, int32_t& fired) {
  return msat_step(rule, now, current, true, states, fired);
}

struct ConfidentMsat {
  static constexpr int kStates = 2;
  static constexpr bool kCounts = true, kPlaces = true, kAtEnd = false;
  Msat threshold;
  int64_t survival;
  int64_t early;
  uint32_t key;
};

// Values of a step for the threshold, and for the random numbers.
template <class Threshold>
struct ConfidentMoment {
  Threshold threshold;
  bool sure;  // no draw decides at this step
  uint32_t seed;
};

template <class Live>
static SNNCC_HD void at(const ConfidentMsat& rule, int64_t number, const Live& live) {
  const bool sure = number >= rule.early || rule.survival >= (int64_t{1} << 32);
  const uint32_t seed = static_cast<uint32_t>(number) * 0x85EBCA77u + rule.key;
  if (number == 0) {
    live(ConfidentMoment<MsatFirst>{{}, sure, seed});
  } else {
    live(ConfidentMoment<MsatLater>{{static_cast<float>(number)}, sure, seed});
  }
}

template <class Threshold>
static SNNCC_HD bool survives(const ConfidentMsat& rule, const ConfidentMoment<Threshold>& now, uint32_t place) {
  uint32_t draw = place * 0x9E3779B1u + now.seed;
  draw = (draw ^ (draw >> 16)) * 0x85EBCA6Bu;
  draw = (draw ^ (draw >> 13)) * 0xC2B2AE35u;
  draw = draw ^ (draw >> 16);
  return now.sure | (draw < static_cast<uint32_t>(rule.survival));
}

template <class Threshold>
static SNNCC_HD float step(const ConfidentMsat& rule, const ConfidentMoment<Threshold>& now, float current,
                           uint32_t place, float* states, int32_t& fired) {
  return msat_step(rule.threshold, now.threshold, current, survives(rule, now, place), states, fired);
}

}  // namespace snncc

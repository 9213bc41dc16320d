// SPDX-License-Identifier: Apache-2.0
// The rules of the neurons with a multi-stage adaptive threshold, as in snncc/ops/msat.py. States: the potential
// after firing, and its sum over all steps so far.
#pragma once

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

static SNNCC_HD float msat_threshold(const Msat& rule, MsatLater now, float current, float v, float total) {
  const float distance = v - total / now.past;
  const float tracking = (distance * rule.alpha + rule.V_T) + softplus_steps(distance / rule.k_i) * rule.k_a;
  return logistic_steps(tracking * rule.tau_mp + exp_steps(-(current / rule.C)) * rule.tau_rd);
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
static SNNCC_HD float step(const ConfidentMsat& rule, const ConfidentMoment<Threshold>& now, float current,
                           uint32_t place, float* states, int32_t& fired) {
  uint32_t draw = place * 0x9E3779B1u + now.seed;
  draw = (draw ^ (draw >> 16)) * 0x85EBCA6Bu;
  draw = (draw ^ (draw >> 13)) * 0xC2B2AE35u;
  draw = draw ^ (draw >> 16);
  const bool survives = now.sure | (draw < static_cast<uint32_t>(rule.survival));
  return msat_step(rule.threshold, now.threshold, current, survives, states, fired);
}

}  // namespace snncc

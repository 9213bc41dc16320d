// SPDX-License-Identifier: Apache-2.0
// The rules of the ops over time for a run of neurons at one time step, written so that the compiler turns the loop
// into vector code of whatever instruction set the including file is compiled for.
#pragma once

#include <cstdint>

#include "common/rules.h"
#include "cpu/independent.h"
#include "cpu/msat_steps.h"
#include "cpu/scales.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

// The rule, the moment and the arrays' addresses by value: no store into an array could change them.
template <bool kCount, class Rule, class Moment, class Scale>
void step_neurons(const Rule rule, const Moment now, const StepSpan span, const Scale scale) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    float states[Rule::kStates];
    for (int k = 0; k < Rule::kStates; ++k) {
      states[k] = span.states[k][i];
    }
    int32_t fired = 0;
    const uint32_t place = Rule::kPlaces ? span.places[i] : 0;
    const float value = step(rule, now, scale.divide(span.x[i], i), place, states, fired);
    for (int k = 0; k < Rule::kStates; ++k) {
      span.states[k][i] = states[k];
    }
    if constexpr (!Rule::kAtEnd) {
      span.y[i] = scale.multiply(value, i);
    }
    if constexpr (kCount) {
      span.count[i] = fired;
    }
  }
}

// After its first step, MSAT has a loop for all later ones.
template <bool kCount, class Scale>
void step_neurons(const Msat rule, const MsatLater now, const StepSpan span, const Scale scale) {
  step_msat<kCount>(rule, now, span, scale);
}

template <bool kCount, class Scale>
void step_neurons(const ConfidentMsat rule, const ConfidentMoment<MsatLater> now, const StepSpan span,
                  const Scale scale) {
  step_msat<kCount>(rule, now, span, scale);
}

template <class Rule, class Scale>
void step_and_count(const Rule& rule, const StepSpan& span, const Scale& scale) {
  at(rule, span.number, [&](const auto& now) {
    if constexpr (Rule::kCounts) {
      if (span.count != nullptr) {
        return step_neurons<true>(rule, now, span, scale);
      }
    }
    step_neurons<false>(rule, now, span, scale);
  });
}

template <class Rule>
void step_span(const Rule& rule, const StepSpan& span) {
  with_scale(span.scale, [&](const auto& scale) { step_and_count(rule, span, scale); });
}

template <class... Rules>
constexpr StepKernels<Rules...> kernels_of(StepKernels<Rules...>) {
  return {{step_span<Rules>}...};
}

constexpr ForRules<StepKernels> step_kernels() { return kernels_of(ForRules<StepKernels>{}); }

}  // namespace
}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Neurons whose values are divided into slices, for a span of them, written for the compiler to turn into vector code.
#pragma once

#include <cstdint>

#include "common/phase.h"
#include "common/slices.h"
#include "cpu/independent.h"
#include "cpu/scales.h"
#include "cpu/variant.h"

namespace snncc {
namespace {

template <class Scale>
void potentials(const Span span, float* u, const Scale scale) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    u[i] = scale.divide(span.x[i], i);
  }
}

inline void look(const WaitPhases& tables, int32_t begin, int32_t end, const Span& span, const SliceStates& states) {
  const SliceStates at = states;
  with_scale(span.scale, [&](const auto& scale) { potentials(span, at.rest, scale); });
  for (int32_t p = begin; p < end; ++p) {
    const float threshold = tables.thresholds[p];
    const float level = tables.levels[p];
    const int32_t never = tables.steps;
    SNNCC_INDEPENDENT
    for (int64_t i = 0; i < span.size; ++i) {
      wait_step(at.number[i], at.value[i], at.rest[i], threshold, level, p, never);
    }
  }
}

template <class Scale>
void send_span(int32_t last, const Span span, const SliceStates at, const Scale scale) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    const float worth = at.value[i];
    span.y[i] = scale.multiply(at.number[i] <= last ? worth : 0.0f, i);
  }
  if (span.count != nullptr) {
    SNNCC_INDEPENDENT
    for (int64_t i = 0; i < span.size; ++i) {
      span.count[i] = at.number[i] <= last ? 1 : 0;
    }
  }
}

inline void send(int32_t last, const Span& span, const SliceStates& states) {
  with_scale(span.scale, [&](const auto& scale) { send_span(last, span, states, scale); });
}

template <class Scale>
void charge_span(bool is_signed, const Span span, const SliceStates at, const Scale scale) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    const float u = scale.divide(span.x[i], i);
    at.rest[i] = phase_start(u, is_signed);
    at.sign[i] = phase_finish(1.0f, u, is_signed);
    at.value[i] = 0.0f;
    at.number[i] = 0;
  }
}

inline void charge(bool is_signed, const Span& span, const SliceStates& states) {
  with_scale(span.scale, [&](const auto& scale) { charge_span(is_signed, span, states, scale); });
}

inline void fire(const PhaseTables& tables, int32_t phase, const Span& span, const SliceStates& states) {
  const SliceStates at = states;
  const float level = tables.levels[phase];
  const float threshold = tables.thresholds[phase];
  const float last = tables.last_thresholds[phase];
  const int32_t limit = tables.limit;
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    phase_step(at.rest[i], at.value[i], at.number[i], level, threshold, last, limit);
  }
}

template <class Scale>
void tell_span(const Span span, const SliceStates at, const Scale scale) {
  SNNCC_INDEPENDENT
  for (int64_t i = 0; i < span.size; ++i) {
    span.y[i] = scale.multiply(at.sign[i] * at.value[i], i);
  }
  if (span.count != nullptr) {
    SNNCC_INDEPENDENT
    for (int64_t i = 0; i < span.size; ++i) {
      span.count[i] = at.number[i];
    }
  }
}

inline void tell(const Span& span, const SliceStates& states) {
  with_scale(span.scale, [&](const auto& scale) { tell_span(span, states, scale); });
}

constexpr SliceKernels slice_kernels() { return {look, send, charge, fire, tell}; }

}  // namespace
}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// One implementation of the neurons per instruction set, each in a translation unit of its own.
#pragma once

#include <cstdint>

#include "common/neuron.h"
#include "common/rules.h"

namespace snncc {

// Threshold tables up to this length are searched in registers; longer ones entry by entry.
constexpr int32_t kMaxSearch = 64;

// A parameter over a span of elements: `step` 0 repeats one value, 1 takes one per element.
struct Lane {
  const float* data = nullptr;
  int64_t step = 0;
};

// A run of float32 elements. Without `scale.data` the scale is 1; `residual` and `count` may be absent.
struct Span {
  const float* x;
  const float* residual;
  float* y;
  int32_t* count;
  int64_t size;
  Lane scale;
  Lane weight;
  bool stream;  // y is larger than the cache and not x: write past the cache
};

// A threshold table prepared for a variant's search. `form` and `table` are private to the variant; the table's arrays
// must live as long as the plan.
struct Plan {
  Ladder ladder;
  int32_t form = 0;
  int32_t shift = 0;
  alignas(64) float table[160];
};

// The two tables of coarse-and-fine neurons.
struct CoarseFinePlans {
  Plan coarse;
  Plan fine;
  bool is_signed = false;
};

// A run of neurons at one time step. Without `scale.data` the scale is 1; `count` may be absent, `y` may be x.
struct StepSpan {
  const float* x;
  float* y;
  int32_t* count;
  const uint32_t* places;  // in their samples, for rules that ask for them
  float* states[kMaxStates];
  int64_t size;
  int64_t number;  // of the time step
  Lane scale;
};

// One implementation for each rule of the ops over time, found by the rule's type.
template <class Rule>
struct StepKernel {
  void (*run)(const Rule&, const StepSpan&);
};

template <class... Rules>
struct StepKernels : StepKernel<Rules>... {};

// State of the neurons of a span between phases, for values divided into slices.
struct SliceStates {
  float* rest;      // of the potential
  float* sign;      // of an encoder's potential, 1 or -1
  float* value;     // of the spikes, in units of the scale
  int32_t* number;  // the phase of the one spike; or how many spikes
};

struct SliceKernels {
  // One-spike neurons that wait: in phases [begin, end) they read x, and may fire once.
  void (*look)(const WaitPhases&, int32_t begin, int32_t end, const Span&, const SliceStates&);
  // Their output up to the phase `last`.
  void (*send)(int32_t last, const Span&, const SliceStates&);
  // Encoders: the potential comes in, fires at a phase, and what has been sent so far goes out.
  void (*charge)(bool is_signed, const Span&, const SliceStates&);
  void (*fire)(const PhaseTables&, int32_t phase, const Span&, const SliceStates&);
  void (*tell)(const Span&, const SliceStates&);
};

struct Variant {
  const char* name;
  void (*prepare)(const Ladder&, Plan&);
  void (*one_spike)(const Plan&, const Span&);
  void (*phase)(const PhaseTables&, const Span&);
  void (*coarse_fine)(const CoarseFinePlans&, const Span&);
  void (*few_spikes)(const FewSpikes&, const Span&);
  ForRules<StepKernels> steps;
  SliceKernels slices;
  void (*halves_to_floats)(const uint16_t*, float*, int64_t);
  void (*floats_to_halves)(const float*, uint16_t*, int64_t);
};

extern const Variant kPlainVariant;
#ifdef SNNCC_X86
extern const Variant kAvx2Variant;
extern const Variant kAvx512Variant;
#endif

// The best variant that this machine runs; the environment variable SNNCC_CPU=plain|avx2|avx512 may ask for less.
const Variant& current_variant();

// Chooses a variant by name for all later calls; false if the name is unknown or this machine cannot run it.
bool use_variant(const char* name);

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// One implementation of the neurons per instruction set, each in a translation unit of its own.
#pragma once

#include <cstdint>

#include "common/neuron.h"

namespace snncc {

// Ladders up to this long are searched in registers; longer ones are climbed rung by rung.
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

// A ladder made ready for a variant's search. `form` and `table` are the variant's own business; the ladder's arrays
// must live as long as the plan.
struct Plan {
  Ladder ladder;
  int32_t form = 0;
  int32_t shift = 0;
  alignas(64) float table[160];
};

struct Variant {
  const char* name;
  void (*prepare)(const Ladder&, Plan&);
  void (*one_spike)(const Plan&, const Span&);
  void (*phase)(const PhaseTables&, const Span&);
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

// SPDX-License-Identifier: Apache-2.0
// The GPU's entry: one pass over memory on the caller's stream, no allocation, no synchronisation.
#pragma once

#include "common/edges.h"
#include "common/neuron.h"
#include "common/timed.h"

namespace snncc {

// Tables travel as kernel arguments, which have room for this many phases.
constexpr int32_t kMaxCudaSteps = 256;

// All return null, or what went wrong: CUDA's words, or that the table is too long. `stream` is a cudaStream_t.
const char* cuda_run(const Ladder& ladder, const Tensors& tensors, void* stream);
const char* cuda_run(const PhaseTables& tables, const Tensors& tensors, void* stream);
const char* cuda_run(const CoarseFine& tables, const Tensors& tensors, void* stream);
const char* cuda_run(const FewSpikes& tables, const Tensors& tensors, void* stream);
const char* cuda_run(const WaitPhases& tables, const SlicedTensors& tensors, void* stream);
const char* cuda_run(const EncoderPhases& tables, const SlicedTensors& tensors, void* stream);
const char* cuda_run(const EdgeTensors& tensors, void* stream);

// For every rule of common/rules.h.
template <class Rule>
const char* cuda_run(const Rule& rule, const TimedTensors& tensors, void* stream);

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The CPU's entry: a call is prepared once, then any thread may run any part of it.
#pragma once

#include <cstdint>

#include "common/neuron.h"
#include "cpu/fold.h"
#include "cpu/variant.h"

namespace snncc {

// Elements per task of a thread pool, a multiple of a cache line in every element type.
constexpr int64_t kTaskSize = 32 * 1024;

class CpuCall {
 public:
  CpuCall(const Ladder& ladder, const Tensors& tensors);
  CpuCall(const PhaseTables& tables, const Tensors& tensors);
  CpuCall(const CoarseFine& tables, const Tensors& tensors);
  CpuCall(const FewSpikes& tables, const Tensors& tensors);
  CpuCall(const CpuCall&) = delete;
  CpuCall& operator=(const CpuCall&) = delete;

  // Elements [begin, end).
  void run(int64_t begin, int64_t end) const;

 private:
  template <class Element>
  void run_as(int64_t begin, int64_t end) const;
  template <class Element>
  void run_block(int64_t begin, Span span) const;
  void run_span(const Span& span) const;

  const Variant& variant_;
  Tensors tensors_;
  const PhaseTables* tables_ = nullptr;     // of a multi-spike neuron
  const FewSpikes* few_spikes_ = nullptr;   // of a few-spikes neuron
  bool is_coarse_fine_ = false;
  FoldedLadder folded_;
  Plan plan_;  // of a one-spike neuron
  CoarseFinePlans plans_;  // of a coarse-and-fine neuron
  bool unit_scale_ = false;  // the scale is 1, or folded into the threshold table
  bool stream_ = false;
};

}  // namespace snncc

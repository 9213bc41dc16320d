// SPDX-License-Identifier: Apache-2.0
// The neurons of one pass as ops over time of one step per call: they look their tables' entries up by its number.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/rules.h"
#include "neurons.h"
#include "node.h"

namespace snncc {

// A step within a table: its entry, or one that does not matter where the neuron is not active.
struct TablePlace {
  int64_t q;
  bool active;
  int64_t entry;

  TablePlace(int64_t step, int64_t start, int64_t length)
      : q(wrapped_difference(step, start)), active(q >= 0 && q < length), entry(std::clamp(q, int64_t{0}, length - 1)) {}
};

class PhaseStepOp {
 public:
  static constexpr const char* kName = "PhaseNeuronStep";
  static constexpr bool kScale = true, kStep = true;
  using Rule = PhaseStep;

  explicit PhaseStepOp(const Attributes& node)
      : tables_(multi_spike_tables(node)), limit_(node.integer("max_spikes")), start_(node.integer("start")) {}
  static int64_t steps(const Attributes&) { return 1; }

  Rule rule(int64_t step) const {
    const PhaseTables tables = tables_.tables();
    const TablePlace at(step, start_, tables.steps);
    return {tables.levels[at.entry],
            tables.thresholds[at.entry],
            tables.last_thresholds[at.entry],
            static_cast<float>(limit_),
            static_cast<float>(limit_) - 1.0f,
            at.active,
            tables.is_signed != 0};
  }

 private:
  MultiSpikeTables tables_;
  int64_t limit_;  // as given: `sent` may come from elsewhere
  int64_t start_;
};

class FewSpikesStepOp {
 public:
  static constexpr const char* kName = "FSNeuronStep";
  static constexpr bool kScale = true, kStep = true;
  using Rule = FewSpikesStep;

  explicit FewSpikesStepOp(const Attributes& node) : tables_(few_spikes_tables(node)), start_(node.integer("start")) {}
  static int64_t steps(const Attributes&) { return 1; }

  Rule rule(int64_t step) const {
    const FewSpikes tables = tables_.tables();
    const TablePlace at(step, start_, tables.steps);
    return {tables.thresholds[at.entry], tables.resets[at.entry], tables.values[at.entry], tables.initial, at.q == 0,
            at.active};
  }

 private:
  FewSpikesTables tables_;
  int64_t start_;
};

}  // namespace snncc

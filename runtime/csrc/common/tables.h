// SPDX-License-Identifier: Apache-2.0
// A neuron's tables from the node's attributes: checked, and in the layout of the kernels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/neuron.h"

namespace snncc {

// Every threshold table is padded to at least this many entries, so that vector code loads whole registers.
constexpr int32_t kMinPadding = 64;

class OneSpikeTables {
 public:
  // Throws std::invalid_argument, with a message for the user, if the tables are invalid.
  OneSpikeTables(const std::vector<float>& levels, const std::vector<float>& thresholds);
  Ladder ladder() const;

 private:
  int32_t steps_;
  std::vector<float> thresholds_;
  std::vector<float> levels_;
};

class MultiSpikeTables {
 public:
  MultiSpikeTables(std::vector<float> levels, std::vector<float> thresholds, std::vector<float> last_thresholds,
                   int64_t max_spikes, int64_t is_signed);
  PhaseTables tables() const;

 private:
  std::vector<float> levels_;
  std::vector<float> thresholds_;
  std::vector<float> last_thresholds_;
  int32_t limit_;
  bool is_signed_;
};

class CoarseFineTables {
 public:
  CoarseFineTables(const std::vector<float>& levels, const std::vector<float>& thresholds,
                   const std::vector<float>& fine_levels, const std::vector<float>& fine_thresholds,
                   int64_t is_signed);
  CoarseFine tables() const;

 private:
  OneSpikeTables coarse_;
  OneSpikeTables fine_;
  bool is_signed_;
};

class WaitTables {
 public:
  WaitTables(std::vector<float> levels, std::vector<float> thresholds, int64_t wait);
  WaitPhases tables() const;

 private:
  std::vector<float> levels_;
  std::vector<float> thresholds_;
  int32_t wait_;
};

class EncoderTables {
 public:
  EncoderTables(MultiSpikeTables tables, int64_t wait);
  EncoderPhases tables() const;

 private:
  MultiSpikeTables tables_;
  int32_t wait_;
};

class FewSpikesTables {
 public:
  FewSpikesTables(std::vector<float> thresholds, std::vector<float> resets, std::vector<float> values, float initial);
  FewSpikes tables() const;

 private:
  std::vector<float> thresholds_;
  std::vector<float> resets_;
  std::vector<float> values_;
  float initial_;
  FewSpikesClosed closed_;
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The rule of the neurons of differential coding, as in snncc/ops/differential.py; the state is the estimate.
#pragma once

#include <cstdint>

#include "common/hd.h"
#include "common/timed.h"

namespace snncc {

constexpr int kMostLevels = 32;    // in a table
constexpr int kMostEntries = 384;  // in all tables of a neuron: they are arguments of the CUDA kernel

// The tables are part of the rule, ascending, one after the other.
struct Differential {
  static constexpr int kStates = 1;
  static constexpr bool kCounts = true, kPlaces = false, kAtEnd = false;
  bool is_signed;
  int32_t tables, size;
  float levels[kMostEntries], thresholds[kMostEntries];
};

// The table of a time step, padded by copies of its last entry. Its size is known to the compiler, so that the loop over
// neurons becomes vector code.
template <int kSize>
struct DifferentialTable {
  bool is_signed;
  float levels[kSize], thresholds[kSize];
};

template <int kSize>
static SNNCC_HD DifferentialTable<kSize> differential_table(const Differential& rule, int64_t number) {
  const int64_t last = rule.tables - 1;
  const int64_t from_first = number < 0 ? 0 : number;
  const int64_t begin = (from_first > last ? last : from_first) * rule.size;
  DifferentialTable<kSize> table;
  table.is_signed = rule.is_signed;
  for (int k = 0; k < kSize; ++k) {
    const int64_t entry = begin + (k < rule.size ? k : rule.size - 1);
    table.levels[k] = rule.levels[entry];
    table.thresholds[k] = rule.thresholds[entry];
  }
  return table;
}

template <class Live>
static SNNCC_HD void at(const Differential& rule, int64_t number, const Live& live) {
  if (rule.size <= 4) {
    live(differential_table<4>(rule, number));
  } else if (rule.size <= 8) {
    live(differential_table<8>(rule, number));
  } else if (rule.size <= 16) {
    live(differential_table<16>(rule, number));
  } else {
    live(differential_table<kMostLevels>(rule, number));
  }
}

template <int kSize>
static SNNCC_HD float step(const Differential&, const DifferentialTable<kSize>& table, float u, uint32_t, float* states,
                           int32_t& fired) {
  const float activation = table.is_signed || u > 0.0f ? u : 0.0f;
  const float rest = activation - states[0];
  float sent = 0.0f;
  for (int k = 0; k < kSize; ++k) {
    const float lower = rest < -table.thresholds[k] ? -table.levels[k] : sent;
    sent = rest >= table.thresholds[k] ? table.levels[k] : lower;
  }
  states[0] = states[0] + sent;
  fired = sent != 0.0f ? 1 : 0;
  return states[0];
}

}  // namespace snncc

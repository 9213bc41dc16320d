// SPDX-License-Identifier: Apache-2.0
// The neuron of differential coding as an op over time: its tables from the node's attributes, checked.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/rules.h"
#include "settings.h"

namespace snncc {

class DifferentialOp {
 public:
  static constexpr const char* kName = "DifferentialNeuron";
  static constexpr bool kScale = true, kStep = true;
  using Rule = Differential;

  explicit DifferentialOp(const Attributes& node) : rule_{} {
    const std::vector<float> levels = node.floats("levels");
    rule_.is_signed = flag(node, "signed");
    rule_.tables = static_cast<int32_t>(integer_within(node, "tables", 1, kMostEntries));
    rule_.size = static_cast<int32_t>(levels.size()) / rule_.tables;
    if (rule_.size < 1 || rule_.size > kMostLevels || levels.size() > kMostEntries ||
        levels.size() % static_cast<size_t>(rule_.tables) != 0) {
      throw std::invalid_argument("attribute 'levels' has " + std::to_string(levels.size()) + " entries for " +
                                  std::to_string(rule_.tables) + " tables; give 1 to " + std::to_string(kMostLevels) +
                                  " for each table, and at most " + std::to_string(kMostEntries) + " in all");
    }
    fill("levels", levels, rule_.levels, levels.size());
    fill("thresholds", node.floats("thresholds"), rule_.thresholds, levels.size());
  }

  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t) const { return rule_; }

 private:
  // Each table in ascending order.
  void fill(const char* name, const std::vector<float>& given, float* entries, size_t count) const {
    const std::string attribute = std::string("attribute '") + name + "'";
    if (given.size() != count) {
      throw std::invalid_argument(attribute + " has " + std::to_string(given.size()) + " entries, 'levels' has " +
                                  std::to_string(count) + "; give one entry for each level in each");
    }
    const auto size = static_cast<size_t>(rule_.size);
    for (size_t i = 0; i < count; ++i) {
      const bool first = i % size == 0;
      if (!(given[i] > 0.0f) || std::isinf(given[i]) || (!first && given[i] > given[i - 1])) {
        throw std::invalid_argument(attribute + " has " + std::to_string(given[i]) + " at entry " + std::to_string(i) +
                                    "; entries must be positive and finite, and never rise within a table");
      }
      entries[i / size * size + (size - 1 - i % size)] = given[i];
    }
  }

  Rule rule_;
};

}  // namespace snncc

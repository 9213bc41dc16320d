// SPDX-License-Identifier: Apache-2.0
#include "common/tables.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <utility>

namespace snncc {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

enum class Order { kAny, kFalling };

void check_length(const char* name, const std::vector<float>& table, const char* other, size_t steps) {
  if (table.size() != steps) {
    refuse(std::string("attribute '") + name + "' has " + std::to_string(table.size()) + " entries, '" + other +
           "' has " + std::to_string(steps) + "; give one entry per phase in each");
  }
}

void check_number_of_phases(const char* name, const std::vector<float>& table) {
  if (table.empty()) {
    refuse(std::string("attribute '") + name + "' is empty; give one entry per phase, at least one");
  }
  if (table.size() > (1u << 20)) {
    refuse(std::string("attribute '") + name + "' has " + std::to_string(table.size()) +
           " entries; at most 2^20 phases are supported");
  }
}

void check_table(const char* name, const std::vector<float>& table, size_t steps, Order order) {
  check_length(name, table, "levels", steps);
  const std::string attribute = std::string("attribute '") + name + "'";
  for (size_t p = 0; p < steps; ++p) {
    if (!(table[p] > 0.0f) || std::isinf(table[p])) {
      refuse(attribute + " has " + std::to_string(table[p]) + " at phase " + std::to_string(p) +
             "; entries must be positive and finite");
    }
    if (order == Order::kFalling && p > 0 && table[p] > table[p - 1]) {
      refuse(attribute + " rises at phase " + std::to_string(p) + "; entries must never rise with the phase");
    }
  }
}

bool checked_sign(int64_t is_signed) {
  if (is_signed != 0 && is_signed != 1) {
    refuse("attribute 'signed' is " + std::to_string(is_signed) + "; it must be 0 or 1");
  }
  return is_signed == 1;
}

int32_t checked_wait(int64_t wait, size_t steps) {
  if (wait < 1 || wait > static_cast<int64_t>(steps)) {
    refuse("attribute 'wait' is " + std::to_string(wait) + "; it must be from 1 to " + std::to_string(steps) +
           ", the number of phases");
  }
  return static_cast<int32_t>(wait);
}

bool is_power_of_two(float value) {
  int exponent = 0;
  return value >= 0x1p-64f && value <= 0x1p64f && std::frexp(value, &exponent) == 0.5f;
}

// Of `steps` thresholds, which are also what the steps take and send; `exists` is false if the steps have to be taken.
FewSpikesClosed closed_form(const std::vector<float>& thresholds, size_t steps) {
  constexpr size_t kBits = 24;  // of a float32
  FewSpikesClosed closed;
  if (steps == 0 || steps > (size_t{1} << kBits)) {
    return closed;
  }
  bool equal = is_power_of_two(thresholds[0]);
  bool halves = equal && steps <= kBits;
  for (size_t t = 1; t < steps; ++t) {
    equal = equal && thresholds[t] == thresholds[0];
    halves = halves && thresholds[t] == thresholds[t - 1] * 0.5f;
  }
  closed.unit = thresholds[steps - 1];
  closed.exists = equal || (halves && is_power_of_two(closed.unit));
  closed.is_bits = !equal;
  closed.units_per_one = 1.0f / closed.unit;
  closed.top = equal ? static_cast<float>(steps) * closed.unit : 2.0f * thresholds[0] - closed.unit;
  return closed;
}

void check_levels(const std::vector<float>& levels) {
  check_number_of_phases("levels", levels);
  check_table("levels", levels, levels.size(), Order::kAny);
}

}  // namespace

OneSpikeTables::OneSpikeTables(const std::vector<float>& levels, const std::vector<float>& thresholds) {
  check_levels(levels);
  check_table("thresholds", thresholds, levels.size(), Order::kFalling);
  steps_ = static_cast<int32_t>(levels.size());
  size_t padded = kMinPadding;
  while (padded < levels.size()) {
    padded *= 2;
  }
  thresholds_.assign(thresholds.rbegin(), thresholds.rend());
  thresholds_.resize(padded, std::numeric_limits<float>::infinity());
  levels_.assign(levels.rbegin(), levels.rend());
  levels_.resize(padded, levels.front());
}

Ladder OneSpikeTables::ladder() const {
  return {thresholds_.data(), levels_.data(), steps_, static_cast<int32_t>(thresholds_.size())};
}

MultiSpikeTables::MultiSpikeTables(std::vector<float> levels, std::vector<float> thresholds,
                                   std::vector<float> last_thresholds, int64_t max_spikes, int64_t is_signed)
    : levels_(std::move(levels)), thresholds_(std::move(thresholds)), last_thresholds_(std::move(last_thresholds)) {
  check_levels(levels_);
  check_table("thresholds", thresholds_, levels_.size(), Order::kFalling);
  check_table("last_thresholds", last_thresholds_, levels_.size(), Order::kFalling);
  if (max_spikes < 1) {
    refuse("attribute 'max_spikes' is " + std::to_string(max_spikes) + "; it must be at least 1");
  }
  is_signed_ = checked_sign(is_signed);
  // More spikes than phases never happen, and a last spike after the last phase neither.
  const auto phases = static_cast<int64_t>(levels_.size());
  limit_ = static_cast<int32_t>(max_spikes <= phases ? max_spikes : phases + 1);
}

PhaseTables MultiSpikeTables::tables() const {
  return {levels_.data(), thresholds_.data(), last_thresholds_.data(), static_cast<int32_t>(levels_.size()), limit_,
          is_signed_ ? 1 : 0};
}

CoarseFineTables::CoarseFineTables(const std::vector<float>& levels, const std::vector<float>& thresholds,
                                   const std::vector<float>& fine_levels, const std::vector<float>& fine_thresholds,
                                   int64_t is_signed)
    : coarse_(levels, thresholds), fine_(fine_levels, fine_thresholds), is_signed_(checked_sign(is_signed)) {
  check_length("fine_levels", fine_levels, "levels", levels.size());
}

CoarseFine CoarseFineTables::tables() const { return {coarse_.ladder(), fine_.ladder(), is_signed_ ? 1 : 0}; }

WaitTables::WaitTables(std::vector<float> levels, std::vector<float> thresholds, int64_t wait)
    : levels_(std::move(levels)), thresholds_(std::move(thresholds)) {
  check_levels(levels_);
  check_table("thresholds", thresholds_, levels_.size(), Order::kFalling);
  wait_ = checked_wait(wait, levels_.size());
}

WaitPhases WaitTables::tables() const {
  return {levels_.data(), thresholds_.data(), static_cast<int32_t>(levels_.size()), wait_};
}

EncoderTables::EncoderTables(MultiSpikeTables tables, int64_t wait)
    : tables_(std::move(tables)), wait_(checked_wait(wait, static_cast<size_t>(tables_.tables().steps))) {}

EncoderPhases EncoderTables::tables() const { return {tables_.tables(), wait_}; }

FewSpikesTables::FewSpikesTables(std::vector<float> thresholds, std::vector<float> resets, std::vector<float> values,
                                 float initial)
    : thresholds_(std::move(thresholds)), resets_(std::move(resets)), values_(std::move(values)), initial_(initial) {
  check_number_of_phases("thresholds", thresholds_);
  check_length("resets", resets_, "thresholds", thresholds_.size());
  check_length("values", values_, "thresholds", thresholds_.size());
  constexpr float kNever = 0x1p127f;
  size_t active = thresholds_.size();
  while (active > 0 && thresholds_[active - 1] == kNever && resets_[active - 1] == 0.0f && values_[active - 1] == 0.0f) {
    --active;
  }
  const auto same = [&](const std::vector<float>& table) {
    return std::equal(table.begin(), table.begin() + static_cast<std::ptrdiff_t>(active), thresholds_.begin());
  };
  if (same(resets_) && same(values_) && std::isfinite(initial_)) {
    closed_ = closed_form(thresholds_, active);
    closed_.idle = static_cast<int32_t>(thresholds_.size() - active);
  }
}

FewSpikes FewSpikesTables::tables() const {
  return {thresholds_.data(), resets_.data(), values_.data(), static_cast<int32_t>(thresholds_.size()), initial_,
          closed_};
}

}  // namespace snncc

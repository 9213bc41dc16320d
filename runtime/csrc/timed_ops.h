// SPDX-License-Identifier: Apache-2.0
// The ops over time: what each is called, what it takes besides X and its states, and its rule from its attributes.
//
//   kScale, kStep   whether it takes a scale, and the number of the first time step of the call
//   Rule            see common/timed.h; `rule(first)` is the one for a call that starts with time step `first`
//   steps(node)     how many time steps are stacked on X's first axis
#pragma once

#include "common/rules.h"
#include "node.h"
#include "settings.h"

namespace snncc {

template <class RuleOf>
class BiasedOp {
 public:
  static constexpr bool kScale = true, kStep = false;
  using Rule = RuleOf;

  explicit BiasedOp(const Attributes& node) : rule_{node.number("bias")} {}
  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t) const { return rule_; }

 private:
  Rule rule_;
};

struct IntegrateOp : BiasedOp<Integrate> {
  static constexpr const char* kName = "IFNeuron";
  using BiasedOp::BiasedOp;
};

struct SignedIntegrateOp : BiasedOp<SignedIntegrate> {
  static constexpr const char* kName = "SignedIFNeuron";
  using BiasedOp::BiasedOp;
};

struct RoundingIntegrateOp : BiasedOp<RoundingIntegrate> {
  static constexpr const char* kName = "RoundingIFNeuron";
  using BiasedOp::BiasedOp;
};

inline Msat msat_of(const Attributes& node) {
  return {node.number("alpha"),  node.number("k_a"),    node.number("k_i"), node.number("C"),
          node.number("tau_mp"), node.number("tau_rd"), node.number("V_T")};
}

class MsatOp {
 public:
  static constexpr const char* kName = "MSATNeuron";
  static constexpr bool kScale = true, kStep = true;
  using Rule = Msat;

  explicit MsatOp(const Attributes& node) : rule_(msat_of(node)) {}
  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t) const { return rule_; }

 private:
  Rule rule_;
};

class ConfidentMsatOp {
 public:
  static constexpr const char* kName = "ConfidentMSATNeuron";
  static constexpr bool kScale = true, kStep = true;
  using Rule = ConfidentMsat;

  explicit ConfidentMsatOp(const Attributes& node)
      : rule_{msat_of(node), integer_within(node, "survival", 0, int64_t{1} << 32), node.integer("early"),
              static_cast<uint32_t>(integer_within(node, "key", 0, UINT32_MAX))} {}
  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t) const { return rule_; }

 private:
  Rule rule_;
};

template <class RuleOf>
class MeanOp {
 public:
  static constexpr bool kScale = false, kStep = true;
  using Rule = RuleOf;

  explicit MeanOp(const Attributes& node) : rule_{flag(node, "mean")} {}
  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t) const { return rule_; }

 private:
  Rule rule_;
};

struct RunningTotalOp : MeanOp<RunningTotal> {
  static constexpr const char* kName = "RunningTotal";
  using MeanOp::MeanOp;
};

struct IncreaseOp : MeanOp<Increase> {
  static constexpr const char* kName = "Increase";
  using MeanOp::MeanOp;
};

class ReadoutOp {
 public:
  static constexpr const char* kName = "Readout";
  static constexpr bool kScale = false, kStep = true;
  using Rule = Readout;

  explicit ReadoutOp(const Attributes& node) : steps_(stacked_steps(node)) {}
  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t first) const { return {static_cast<float>(wrapped_sum(first, steps_))}; }

 private:
  int64_t steps_;
};

class LastStepOp {
 public:
  static constexpr const char* kName = "LastStep";
  static constexpr bool kScale = false, kStep = false;
  using Rule = LastStep;

  explicit LastStepOp(const Attributes&) {}
  static int64_t steps(const Attributes& node) { return stacked_steps(node); }
  Rule rule(int64_t) const { return {}; }
};

}  // namespace snncc

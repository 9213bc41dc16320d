// SPDX-License-Identifier: Apache-2.0
#include "cpu/variant.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace snncc {
namespace {

// Best first. A variant that the machine cannot run is null.
struct Candidates {
  const Variant* list[3] = {nullptr, nullptr, &kPlainVariant};

  Candidates() {
#ifdef SNNCC_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
      list[0] = &kAvx512Variant;
    }
    if (avx2) {
      list[1] = &kAvx2Variant;
    }
#endif
  }

  const Variant* named(const char* name) const {
    for (const Variant* variant : list) {
      if (variant != nullptr && name != nullptr && std::strcmp(variant->name, name) == 0) {
        return variant;
      }
    }
    return nullptr;
  }

  const Variant* best() const {
    for (const Variant* variant : list) {
      if (variant != nullptr) {
        return variant;
      }
    }
    return &kPlainVariant;
  }
};

const Candidates& candidates() {
  static const Candidates found;
  return found;
}

// An unsupported name is ignored: the variable may only select a lower variant.
const Variant* initial() {
  const Variant* asked = candidates().named(std::getenv("SNNCC_CPU"));
  return asked != nullptr ? asked : candidates().best();
}

std::atomic<const Variant*>& chosen() {
  static std::atomic<const Variant*> variant{initial()};
  return variant;
}

}  // namespace

const Variant& current_variant() { return *chosen().load(std::memory_order_relaxed); }

bool use_variant(const char* name) {
  const Variant* variant = candidates().named(name);
  if (variant != nullptr) {
    chosen().store(variant, std::memory_order_relaxed);
  }
  return variant != nullptr;
}

}  // namespace snncc

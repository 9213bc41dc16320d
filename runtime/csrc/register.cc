// SPDX-License-Identifier: Apache-2.0
// The entry point that onnxruntime looks up: every kernel of the library, on every device.
#include <atomic>
#include <memory>

#include "devices.h"
#include "kernels.h"
#include "op.h"
#include "ort.h"

namespace snncc {
namespace {

constexpr const char* kDomain = "ai.snncc";

template <class Device>
void add_device(OrtCustomOpDomain* domain) {
  visit_kernels<Device>([domain](auto kernel) {
    static const Op<typename decltype(kernel)::type> op;
    check(ort().CustomOpDomain_Add(domain, &op));
  });
}

using Domain = std::unique_ptr<OrtCustomOpDomain, void (*)(OrtCustomOpDomain*)>;

Domain create_domain() {
  OrtCustomOpDomain* raw = nullptr;
  check(ort().CreateCustomOpDomain(kDomain, &raw));
  Domain domain(raw, ort().ReleaseCustomOpDomain);
  add_device<Cpu>(raw);
#ifdef SNNCC_CUDA
  add_device<Cuda>(raw);
#endif
  return domain;
}

}  // namespace
}  // namespace snncc

#define SNNCC_EXPORT extern "C" __attribute__((visibility("default")))

static std::atomic<const OrtApiBase*> g_base{nullptr};

// For tests: the onnxruntime that registered this library last, null before the first time.
SNNCC_EXPORT const OrtApiBase* snncc_ort_api_base() { return g_base; }

SNNCC_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  g_base = base;
  const OrtApi* api = base->GetApi(kOrtApiVersion);
  if (api == nullptr) {
    return base->GetApi(1)->CreateStatus(kOrtFail, "snncc's library needs onnxruntime 1.18 or later; upgrade it");
  }
  snncc::set_ort(api, base->GetVersionString());
  return snncc::guarded("ai.snncc", [options] {
    // Sessions keep pointers to the domain, which only its library's end may release.
    static const snncc::Domain domain = snncc::create_domain();
    snncc::check(snncc::ort().AddCustomOpDomain(options, domain.get()));
  });
}

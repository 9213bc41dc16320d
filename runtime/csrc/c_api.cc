// SPDX-License-Identifier: Apache-2.0
// The kernels as plain C functions, for tests and benchmarks without onnxruntime. They return null, or what went wrong.
#include <string>

#include "common/tables.h"
#include "cpu/launch.h"
#include "cpu/variant.h"
#ifdef SNNCC_CUDA
#include "cuda/launch.cuh"
#endif

#define SNNCC_EXPORT extern "C" __attribute__((visibility("default")))

// A neuron and its arrays; on CUDA, the arrays of `tensors` are in device memory. Tables are in the order of phases.
struct SnnccNeuron {
  snncc::Tensors tensors;
  const float* levels;
  const float* thresholds;
  const float* last_thresholds;  // null for a one-spike neuron
  int64_t steps;
  int64_t max_spikes;
  int64_t is_signed;
};

namespace {

std::vector<float> table(const float* entries, int64_t steps) { return {entries, entries + steps}; }

template <class Tables>
const char* launch(const Tables& tables, const snncc::Tensors& tensors, void* stream, bool cuda) {
  if (!cuda) {
    snncc::CpuCall(tables, tensors).run(0, tensors.size);
    return nullptr;
  }
#ifdef SNNCC_CUDA
  return snncc::cuda_run(tables, tensors, stream);
#else
  static_cast<void>(stream);
  return "this library was built without CUDA";
#endif
}

const char* run(const SnnccNeuron& n, void* stream, bool cuda) {
  static thread_local std::string message;
  try {
    if (n.last_thresholds == nullptr) {
      const snncc::OneSpikeTables tables(table(n.levels, n.steps), table(n.thresholds, n.steps));
      return launch(tables.ladder(), n.tensors, stream, cuda);
    }
    const snncc::MultiSpikeTables tables(table(n.levels, n.steps), table(n.thresholds, n.steps),
                                         table(n.last_thresholds, n.steps), n.max_spikes, n.is_signed);
    return launch(tables.tables(), n.tensors, stream, cuda);
  } catch (const std::exception& error) {
    message = error.what();
    return message.c_str();
  }
}

}  // namespace

SNNCC_EXPORT const char* snncc_cpu_variant() { return snncc::current_variant().name; }

SNNCC_EXPORT int snncc_use_cpu_variant(const char* name) { return snncc::use_variant(name) ? 1 : 0; }

SNNCC_EXPORT int snncc_has_cuda() {
#ifdef SNNCC_CUDA
  return 1;
#else
  return 0;
#endif
}

SNNCC_EXPORT const char* snncc_neuron_cpu(const SnnccNeuron* neuron) { return run(*neuron, nullptr, false); }

SNNCC_EXPORT const char* snncc_neuron_cuda(const SnnccNeuron* neuron, void* stream) {
  return run(*neuron, stream, true);
}

// SPDX-License-Identifier: Apache-2.0
// The kernels as plain C functions, for tests and benchmarks without onnxruntime. Where they return a message, null
// means success. Python's runtime/native.py declares the same layout.
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "cpu/variant.h"
#include "devices.h"
#include "kernels.h"
#include "node.h"

#define SNNCC_EXPORT extern "C" __attribute__((visibility("default")))

struct SnnccAttribute {
  const char* name;
  const float* floats;  // one for a float
  int64_t count;
  int64_t integer;
};

// A tensor; an output without `data` is not wanted. For a CUDA kernel the data is on the device, but for int64 numbers.
struct SnnccArray {
  void* data;
  const int64_t* shape;
  int64_t rank;
};

struct SnnccArrays {
  const SnnccArray* inputs;
  int64_t input_count;
  const SnnccArray* outputs;
  int64_t output_count;
};

namespace snncc {
namespace {

class ListedAttributes : public Attributes {
 public:
  ListedAttributes(const SnnccAttribute* list, int64_t count) : list_(list), count_(count) {}
  int64_t integer(const char* name) const override { return find(name).integer; }
  float number(const char* name) const override { return floats(name).at(0); }
  std::vector<float> floats(const char* name) const override {
    const SnnccAttribute& found = find(name);
    return {found.floats, found.floats + found.count};
  }

 private:
  const SnnccAttribute& find(const char* name) const {
    for (int64_t i = 0; i < count_; ++i) {
      if (std::strcmp(list_[i].name, name) == 0) {
        return list_[i];
      }
    }
    throw std::invalid_argument(std::string("attribute '") + name + "' is missing");
  }

  const SnnccAttribute* list_;
  int64_t count_;
};

// Everything in this thread.
class ListedArrays : public Call {
 public:
  ListedArrays(const SnnccArrays& arrays, void* stream) : arrays_(arrays), stream_(stream) {}

  Input input(size_t index) const override {
    if (static_cast<int64_t>(index) >= arrays_.input_count) {
      throw std::invalid_argument("input " + std::to_string(index) + " is missing");
    }
    const SnnccArray& array = arrays_.inputs[index];
    return {array.data, shape_of(array)};
  }

  void* output(size_t index, const Shape& shape) const override {
    if (static_cast<int64_t>(index) >= arrays_.output_count || arrays_.outputs[index].data == nullptr) {
      return nullptr;
    }
    if (shape_of(arrays_.outputs[index]) != shape) {
      throw std::invalid_argument("output " + std::to_string(index) + " has another shape than its kernel gives it");
    }
    return arrays_.outputs[index].data;
  }

  void* gpu_stream() const override { return stream_; }

  void parallel_for(size_t total, void (*task)(void*, size_t), void* data) const override {
    for (size_t i = 0; i < total; ++i) {
      task(data, i);
    }
  }

 private:
  static Shape shape_of(const SnnccArray& array) { return {array.shape, array.shape + array.rank}; }

  const SnnccArrays& arrays_;
  void* stream_;
};

class AnyKernel {
 public:
  virtual ~AnyKernel() = default;
  virtual void compute(const Call& call) const = 0;
};

template <class Kernel>
class SomeKernel : public AnyKernel {
 public:
  explicit SomeKernel(const Attributes& attributes) : kernel_(attributes) {}
  void compute(const Call& call) const override { kernel_.compute(call); }

 private:
  Kernel kernel_;
};

template <class Device>
std::unique_ptr<AnyKernel> make(const char* op, int type, const Attributes& attributes) {
  std::unique_ptr<AnyKernel> made;
  visit_kernels<Device>([&](auto kernel) {
    using Kernel = typename decltype(kernel)::type;
    if (std::strcmp(Kernel::kName, op) == 0 && Kernel::kInputs[0] == type) {
      made = std::make_unique<SomeKernel<Kernel>>(attributes);
    }
  });
  if (made == nullptr) {
    throw std::invalid_argument(std::string("there is no kernel for ") + op + " of element type " +
                                std::to_string(type));
  }
  return made;
}

template <class Body>
const char* attempt(const Body& body) {
  static thread_local std::string message;
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    message = error.what();
    return message.c_str();
  }
}

}  // namespace
}  // namespace snncc

SNNCC_EXPORT const char* snncc_cpu_variant() { return snncc::current_variant().name; }

SNNCC_EXPORT int snncc_use_cpu_variant(const char* name) { return snncc::use_variant(name) ? 1 : 0; }

SNNCC_EXPORT int snncc_has_cuda() {
#ifdef SNNCC_CUDA
  return 1;
#else
  return 0;
#endif
}

SNNCC_EXPORT const char* snncc_create(const char* op, int type, int cuda, const SnnccAttribute* attributes,
                                      int64_t count, void** kernel) {
  return snncc::attempt([&] {
    const snncc::ListedAttributes listed(attributes, count);
#ifdef SNNCC_CUDA
    if (cuda != 0) {
      *kernel = snncc::make<snncc::Cuda>(op, type, listed).release();
      return;
    }
#endif
    if (cuda != 0) {
      throw std::invalid_argument("this library was built without CUDA");
    }
    *kernel = snncc::make<snncc::Cpu>(op, type, listed).release();
  });
}

// `stream` is a cudaStream_t.
SNNCC_EXPORT const char* snncc_compute(const void* kernel, const SnnccArrays* arrays, void* stream) {
  return snncc::attempt([&] {
    static_cast<const snncc::AnyKernel*>(kernel)->compute(snncc::ListedArrays(*arrays, stream));
  });
}

SNNCC_EXPORT void snncc_destroy(void* kernel) { delete static_cast<snncc::AnyKernel*>(kernel); }

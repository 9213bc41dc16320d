// SPDX-License-Identifier: Apache-2.0
#include "ort.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace snncc {
namespace {

std::atomic<const OrtApi*> g_ort{nullptr};  // sessions may be made in several threads
std::atomic<int> g_release{0};

}  // namespace

TensorInfo owned(OrtTensorTypeAndShapeInfo* info) { return {info, ort().ReleaseTensorTypeAndShapeInfo}; }

const OrtApi& ort() { return *g_ort.load(std::memory_order_acquire); }

int ort_release() { return g_release.load(std::memory_order_acquire); }

void set_ort(const OrtApi* api, const char* version) {
  const char* minor = std::strchr(version, '.');
  g_release.store(100 * std::atoi(version) + (minor == nullptr ? 0 : std::atoi(minor + 1)), std::memory_order_release);
  g_ort.store(api, std::memory_order_release);
}

void check(OrtStatus* status) {
  if (status != nullptr) {
    const std::unique_ptr<OrtStatus, void (*)(OrtStatus*)> owner(status, ort().ReleaseStatus);
    throw RuntimeError(ort().GetErrorMessage(status));
  }
}

std::string NodeInfo::name() const {
  size_t size = 0;
  check(ort().KernelInfo_GetNodeName(info_, nullptr, &size));
  std::string name(size, '\0');
  check(ort().KernelInfo_GetNodeName(info_, name.data(), &size));
  name.resize(size > 0 ? size - 1 : 0);  // the size counts the final zero
  return name;
}

int64_t NodeInfo::integer(const char* attribute) const {
  int64_t value = 0;
  check(ort().KernelInfoGetAttribute_int64(info_, attribute, &value));
  return value;
}

float NodeInfo::number(const char* attribute) const {
  float value = 0.0f;
  check(ort().KernelInfoGetAttribute_float(info_, attribute, &value));
  return value;
}

std::vector<float> NodeInfo::floats(const char* attribute) const {
  size_t size = 0;
  check(ort().KernelInfoGetAttributeArray_float(info_, attribute, nullptr, &size));
  std::vector<float> values(size);
  if (size > 0) {
    check(ort().KernelInfoGetAttributeArray_float(info_, attribute, values.data(), &size));
  }
  return values;
}

Input ComputeContext::input(size_t index) const {
  const OrtValue* value = nullptr;
  check(ort().KernelContext_GetInput(context_, index, &value));
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  check(ort().GetTensorTypeAndShape(value, &raw));
  const TensorInfo info = owned(raw);
  size_t rank = 0;
  check(ort().GetDimensionsCount(raw, &rank));
  Input input{nullptr, Shape(rank)};
  check(ort().GetDimensions(raw, input.shape.data(), rank));
  void* data = nullptr;  // the API has no other call to read a tensor
  check(ort().GetTensorMutableData(const_cast<OrtValue*>(value), &data));
  input.data = data;
  return input;
}

void* ComputeContext::output(size_t index, const Shape& shape) const {
  size_t count = 0;
  check(ort().KernelContext_GetOutputCount(context_, &count));
  if (index >= count) {
    return nullptr;
  }
  OrtValue* value = nullptr;
  check(ort().KernelContext_GetOutput(context_, index, shape.data(), shape.size(), &value));
  void* data = nullptr;
  if (value != nullptr) {
    check(ort().GetTensorMutableData(value, &data));
  }
  return data;
}

void* ComputeContext::gpu_stream() const {
  void* stream = nullptr;
  check(ort().KernelContext_GetGPUComputeStream(context_, &stream));
  return stream;
}

void ComputeContext::parallel_for(size_t total, void (*task)(void*, size_t), void* data) const {
  check(ort().KernelContext_ParallelFor(context_, task, total, 0, data));
}

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// onnxruntime's C calls as C++: statuses become exceptions on the way in, and exceptions statuses on the way out.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "node.h"
#include "ort_abi.h"

namespace snncc {

// The runtime that loaded this library; set before anything else happens.
const OrtApi& ort();
int ort_release();  // 128 for 1.28
void set_ort(const OrtApi* api, const char* version);

// An onnxruntime call, or a device's, failed; bad input of the user is std::invalid_argument.
class RuntimeError : public std::runtime_error {
 public:
  explicit RuntimeError(const std::string& what, OrtErrorCode code = kOrtFail) : std::runtime_error(what), code(code) {}
  const OrtErrorCode code;
};

// Throws RuntimeError with the status's message, and releases it.
void check(OrtStatus* status);

using TensorInfo = std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo*)>;
TensorInfo owned(OrtTensorTypeAndShapeInfo* info);

// Runs `body`; whatever it throws comes back as a status whose message starts with `where`.
template <class Body>
OrtStatus* guarded(const std::string& where, Body&& body) noexcept {
  try {
    try {
      body();
      return nullptr;
    } catch (const std::invalid_argument& error) {
      return ort().CreateStatus(kOrtInvalidArgument, (where + ": " + error.what()).c_str());
    } catch (const RuntimeError& error) {
      return ort().CreateStatus(error.code, (where + ": " + error.what()).c_str());
    } catch (const std::exception& error) {
      return ort().CreateStatus(kOrtFail, (where + ": " + error.what()).c_str());
    }
  } catch (...) {
    return ort().CreateStatus(kOrtFail, where.c_str());  // out of memory for the message itself
  }
}

// A node when its kernel is made.
class NodeInfo : public Attributes {
 public:
  explicit NodeInfo(const OrtKernelInfo* info) : info_(info) {}
  std::string name() const;
  int64_t integer(const char* attribute) const override;
  float number(const char* attribute) const override;
  std::vector<float> floats(const char* attribute) const override;

 private:
  const OrtKernelInfo* info_;
};

// A node when it computes, on the session's threads.
class ComputeContext : public Call {
 public:
  explicit ComputeContext(OrtKernelContext* context) : context_(context) {}
  Input input(size_t index) const override;
  void* output(size_t index, const Shape& shape) const override;
  void* gpu_stream() const override;
  void parallel_for(size_t total, void (*task)(void*, size_t), void* data) const override;

 private:
  OrtKernelContext* context_;
};

// How an output's first axis is computed from that of X.
using OutputRows = Rows (*)(size_t output, const Attributes&);

// Gives each output the shape of input 0, but for the length of its first axis, and output 0 its element type too;
// unknown ranks stay unknown. `types` are those of any kernel of the op: the runtime infers shapes with the one
// registered first, whatever the type at hand.
void infer_shapes(OrtShapeInferContext* context, const OrtElementType* types, size_t outputs, OutputRows rows);

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// A node as its kernel sees it, whoever runs the kernel: onnxruntime, or a caller of the plain C functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace snncc {

using Shape = std::vector<int64_t>;

inline int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dim : shape) {
    count *= dim;
  }
  return count;
}

// What a node's kernel is made from.
class Attributes {
 public:
  virtual ~Attributes() = default;
  virtual int64_t integer(const char* name) const = 0;
  virtual float number(const char* name) const = 0;
  virtual std::vector<float> floats(const char* name) const = 0;
};

// A tensor handed to a kernel.
struct Input {
  const void* data;
  Shape shape;
};

// The length of an output's first axis, by that of X: times one number, over another.
struct Rows {
  int64_t times = 1;
  int64_t over = 1;
};

// What a kernel computes with.
class Call {
 public:
  virtual ~Call() = default;
  virtual Input input(size_t index) const = 0;
  // Null if the node has no such output.
  virtual void* output(size_t index, const Shape& shape) const = 0;
  virtual void* gpu_stream() const = 0;
  // task(data, i) for i in [0, total), perhaps in several threads; the task must not throw.
  virtual void parallel_for(size_t total, void (*task)(void*, size_t), void* data) const = 0;
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// Shapes of a node's outputs, as onnxruntime asks for them when it loads a model.
#include <atomic>
#include <string>
#include <vector>

#include "ort.h"

namespace snncc {
namespace {

// A node's attributes while its shapes are inferred.
class InferredNode : public Attributes {
 public:
  explicit InferredNode(const OrtShapeInferContext* context) : context_(context) {}

  int64_t integer(const char* name) const override {
    int64_t value = 0;
    read(name, kOrtAttrInt, &value, sizeof value);
    return value;
  }

  float number(const char* name) const override {
    float value = 0.0f;
    read(name, kOrtAttrFloat, &value, sizeof value);
    return value;
  }

  std::vector<float> floats(const char* name) const override {
    size_t bytes = 0;
    // Told that there is no room, the runtime says how much it needs, and calls it an error.
    ort().ReleaseStatus(ort().ReadOpAttr(attribute(name), kOrtAttrFloats, nullptr, 0, &bytes));
    std::vector<float> values(bytes / sizeof(float));
    read(name, kOrtAttrFloats, values.data(), bytes);
    return values;
  }

 private:
  const OrtOpAttr* attribute(const char* name) const {
    const OrtOpAttr* found = nullptr;
    check(ort().ShapeInferContext_GetAttribute(context_, name, &found));
    return found;
  }

  void read(const char* name, OrtOpAttrType type, void* data, size_t size) const {
    size_t needed = 0;
    check(ort().ReadOpAttr(attribute(name), type, data, size, &needed));
  }

  const OrtShapeInferContext* context_;
};

// The shape of input 0: an axis is as long as its `dims` entry, or has a name.
struct Symbolic {
  Shape dims;
  std::vector<std::string> names;
};

// Axes of one name are taken to be equally long, so each that nobody named gets a name of its own.
std::string fresh_name() {
  static std::atomic<uint64_t> count{0};
  return "ai.snncc:" + std::to_string(count++);
}

Symbolic read(const OrtTensorTypeAndShapeInfo* info, size_t rank) {
  Shape dims(rank);
  std::vector<const char*> names(rank);
  check(ort().GetDimensions(info, dims.data(), rank));
  check(ort().GetSymbolicDimensions(info, names.data(), rank));
  Symbolic shape{dims, {names.begin(), names.end()}};
  for (size_t i = 0; i < rank; ++i) {
    if (dims[i] < 0 && shape.names[i].empty()) {
      shape.names[i] = fresh_name();
    }
  }
  return shape;
}

Symbolic with_rows(Symbolic shape, const Rows& rows) {
  if (shape.dims[0] >= 0) {
    shape.dims[0] = shape.dims[0] * rows.times / rows.over;
  } else if (rows.times != rows.over) {
    shape.names[0] += (rows.times > 1 ? "*" + std::to_string(rows.times) : "") +
                      (rows.over > 1 ? "/" + std::to_string(rows.over) : "");
  }
  return shape;
}

TensorInfo tensor_info(const Symbolic& shape, OrtElementType type) {
  std::vector<const char*> names;
  for (const std::string& name : shape.names) {
    names.push_back(name.c_str());
  }
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  check(ort().CreateTensorTypeAndShapeInfo(&raw));
  TensorInfo info = owned(raw);
  check(ort().SetTensorElementType(raw, type));
  check(ort().SetDimensions(raw, shape.dims.data(), shape.dims.size()));
  check(ort().SetSymbolicDimensions(raw, names.data(), names.size()));
  return info;
}

}  // namespace

void infer_shapes(OrtShapeInferContext* context, const OrtElementType* types, size_t outputs, OutputRows rows) {
  OrtTensorTypeAndShapeInfo* source = nullptr;  // borrowed
  check(ort().ShapeInferContext_GetInputTypeShape(context, 0, &source));
  size_t rank = 0;
  check(ort().GetDimensionsCount(source, &rank));
  if (rank == 0) {
    return;  // a scalar, or a tensor of unknown rank: the runtime tells them apart no more
  }
  const Symbolic shape = read(source, rank);
  OrtElementType type = types[0];
  check(ort().GetTensorElementType(source, &type));
  // Up to 1.27 the runtime aborts at the shape of an output that the node has not, and does not say which it has.
  const size_t safe = ort_release() < 128 ? 1 : outputs;
  for (size_t i = 0; i < safe; ++i) {
    const TensorInfo info = tensor_info(with_rows(shape, rows(i, InferredNode(context))), i == 0 ? type : types[i]);
    check(ort().ShapeInferContext_SetOutputTypeShape(context, i, info.get()));
  }
}

}  // namespace snncc

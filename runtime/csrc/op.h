// SPDX-License-Identifier: Apache-2.0
// The one adapter between our kernels and onnxruntime's custom ops.
#pragma once

#include <iterator>
#include <string>

#include "ort.h"
#include "ort_abi.h"

namespace snncc {

// A kernel class `Kernel` gives
//   static constexpr const char* kName, *kProvider;                     the op, and the execution provider it is for
//   static constexpr OrtElementType kInputs[], kOutputs[];              outputs after the first are optional
//   static Rows rows(size_t output, const Attributes&)                  how long its first axis is
//   static constexpr bool kInplace;                                     whether output 0 may overwrite input 0
//   explicit Kernel(const Attributes&);                                 reads and checks them, once
//   void compute(const Call&) const;
// Both may throw. Input 0 is X; the other axes of every output are those of X. Inputs of type int64 are numbers that
// the host needs, and lie in its memory on every device.
template <class Kernel>
class Op : public OrtCustomOp {
 public:
  Op() : OrtCustomOp{} {
    version = kOrtApiVersion;
    GetName = [](const OrtCustomOp*) { return Kernel::kName; };
    GetExecutionProviderType = [](const OrtCustomOp*) { return Kernel::kProvider; };
    GetStartVersion = [](const OrtCustomOp*) { return 1; };
    GetEndVersion = [](const OrtCustomOp*) { return 1; };
    describe_arguments();
    CreateKernelV2 = create;
    KernelComputeV2 = compute;
    KernelDestroy = [](void* kernel) { delete static_cast<Instance*>(kernel); };
    InferOutputShapeFn = [](const OrtCustomOp*, OrtShapeInferContext* context) {
      return guarded(std::string(Kernel::kName), [&] {
        infer_shapes(context, std::data(Kernel::kOutputs), std::size(Kernel::kOutputs), Kernel::rows);
      });
    };
    GetMayInplace = [](int** inputs, int** outputs) {
      static int first = 0;
      *inputs = &first;
      *outputs = &first;
      return size_t{Kernel::kInplace ? 1 : 0};
    };
    ReleaseMayInplace = [](int*, int*) {};
  }

 private:
  struct Instance {
    std::string where;
    Kernel kernel;
  };

  void describe_arguments() {
    GetInputTypeCount = [](const OrtCustomOp*) { return std::size(Kernel::kInputs); };
    GetInputType = [](const OrtCustomOp*, size_t i) { return Kernel::kInputs[i]; };
    GetInputCharacteristic = [](const OrtCustomOp*, size_t) { return kOrtRequired; };
    GetInputMemoryType = [](const OrtCustomOp*, size_t i) {
      return Kernel::kInputs[i] == kOrtInt64 ? kOrtMemCpuInput : kOrtMemDefault;
    };
    GetOutputTypeCount = [](const OrtCustomOp*) { return std::size(Kernel::kOutputs); };
    GetOutputType = [](const OrtCustomOp*, size_t i) { return Kernel::kOutputs[i]; };
    GetOutputCharacteristic = [](const OrtCustomOp*, size_t i) { return i == 0 ? kOrtRequired : kOrtOptional; };
    // There are no variadic arguments; the runtime asks all the same.
    GetVariadicInputMinArity = [](const OrtCustomOp*) { return 1; };
    GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 1; };
    GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
    GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 1; };
  }

  static OrtStatus* create(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo* info, void** kernel) {
    std::string where = Kernel::kName;
    return guarded(where, [&] {
      const NodeInfo node(info);
      where += " '" + node.name() + "'";
      *kernel = new Instance{where, Kernel(node)};
    });
  }

  static OrtStatus* compute(void* kernel, OrtKernelContext* context) {
    const auto& instance = *static_cast<const Instance*>(kernel);
    return guarded(instance.where, [&] { instance.kernel.compute(ComputeContext(context)); });
  }
};

}  // namespace snncc

// SPDX-License-Identifier: Apache-2.0
// The slice of onnxruntime's C ABI that this library uses, declared here because no pip package carries the headers.
//
// OrtApi is a table of function pointers that is only ever appended to, so the version asked for is the oldest that has
// what we need (18: shape inference and in-place outputs of custom ops), and one binary serves every later runtime.
#pragma once

#include <cstddef>
#include <cstdint>

struct OrtAllocator;
struct OrtCustomOpDomain;
struct OrtKernelContext;
struct OrtKernelInfo;
struct OrtOpAttr;
struct OrtSessionOptions;
struct OrtShapeInferContext;
struct OrtStatus;
struct OrtTensorTypeAndShapeInfo;
struct OrtValue;
struct OrtApi;
struct OrtCustomOp;

constexpr uint32_t kOrtApiVersion = 18;

enum OrtErrorCode : int { kOrtFail = 1, kOrtInvalidArgument = 2, kOrtEpFail = 11 };
enum OrtElementType : int { kOrtFloat = 1, kOrtInt32 = 6, kOrtInt64 = 7, kOrtFloat16 = 10, kOrtDouble = 11 };
enum OrtCharacteristic : int { kOrtRequired = 0, kOrtOptional = 1 };
enum OrtMemType : int { kOrtMemCpuInput = -2, kOrtMemDefault = 0 };
enum OrtOpAttrType : int { kOrtAttrInt = 1, kOrtAttrFloat = 3, kOrtAttrFloats = 4 };

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

// Slots that we do not use are padding; the number in each comment is the slot of the line it stands on.
struct OrtApi {
  OrtStatus* (*CreateStatus)(OrtErrorCode, const char* message);  // 0
  void* slot1;
  const char* (*GetErrorMessage)(const OrtStatus*);  // 2
  void* slots3[23];
  OrtStatus* (*CreateCustomOpDomain)(const char* domain, OrtCustomOpDomain**);   // 26
  OrtStatus* (*CustomOpDomain_Add)(OrtCustomOpDomain*, const OrtCustomOp*);      // 27
  OrtStatus* (*AddCustomOpDomain)(OrtSessionOptions*, OrtCustomOpDomain*);       // 28
  void* slots29[22];
  OrtStatus* (*GetTensorMutableData)(OrtValue*, void**);  // 51
  void* slots52[5];
  OrtStatus* (*CreateTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo**);                               // 57
  OrtStatus* (*SetTensorElementType)(OrtTensorTypeAndShapeInfo*, OrtElementType);                        // 58
  OrtStatus* (*SetDimensions)(OrtTensorTypeAndShapeInfo*, const int64_t* dims, size_t count);            // 59
  OrtStatus* (*GetTensorElementType)(const OrtTensorTypeAndShapeInfo*, OrtElementType*);                 // 60
  OrtStatus* (*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo*, size_t*);                           // 61
  OrtStatus* (*GetDimensions)(const OrtTensorTypeAndShapeInfo*, int64_t* dims, size_t count);            // 62
  OrtStatus* (*GetSymbolicDimensions)(const OrtTensorTypeAndShapeInfo*, const char** dims, size_t count);  // 63
  void* slot64;
  OrtStatus* (*GetTensorTypeAndShape)(const OrtValue*, OrtTensorTypeAndShapeInfo**);  // 65
  void* slots66[19];
  OrtStatus* (*KernelInfoGetAttribute_float)(const OrtKernelInfo*, const char* name, float*);    // 85
  OrtStatus* (*KernelInfoGetAttribute_int64)(const OrtKernelInfo*, const char* name, int64_t*);  // 86
  void* slots87[2];
  OrtStatus* (*KernelContext_GetOutputCount)(const OrtKernelContext*, size_t*);                  // 89
  OrtStatus* (*KernelContext_GetInput)(const OrtKernelContext*, size_t, const OrtValue**);       // 90
  OrtStatus* (*KernelContext_GetOutput)(OrtKernelContext*, size_t, const int64_t* dims, size_t rank, OrtValue**);  // 91
  void* slot92;
  void (*ReleaseStatus)(OrtStatus*);  // 93
  void* slots94[5];
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo*);  // 99
  void* slot100;
  void (*ReleaseCustomOpDomain)(OrtCustomOpDomain*);  // 101
  void* slots102[60];
  OrtStatus* (*KernelInfoGetAttributeArray_float)(const OrtKernelInfo*, const char* name, float*, size_t*);  // 162
  void* slots163[30];
  OrtStatus* (*KernelContext_GetGPUComputeStream)(const OrtKernelContext*, void**);  // 193
  void* slots194[50];
  OrtStatus* (*KernelInfo_GetNodeName)(const OrtKernelInfo*, char*, size_t*);  // 244
  void* slots245[23];
  OrtStatus* (*ShapeInferContext_GetInputTypeShape)(const OrtShapeInferContext*, size_t,
                                                    OrtTensorTypeAndShapeInfo**);  // 268
  OrtStatus* (*ShapeInferContext_GetAttribute)(const OrtShapeInferContext*, const char* name,
                                               const OrtOpAttr**);  // 269
  OrtStatus* (*ShapeInferContext_SetOutputTypeShape)(const OrtShapeInferContext*, size_t,
                                                     const OrtTensorTypeAndShapeInfo*);                // 270
  OrtStatus* (*SetSymbolicDimensions)(OrtTensorTypeAndShapeInfo*, const char** dims, size_t count);    // 271
  OrtStatus* (*ReadOpAttr)(const OrtOpAttr*, OrtOpAttrType, void* data, size_t size, size_t* needed);  // 272, in bytes
  void* slot273;
  OrtStatus* (*KernelContext_ParallelFor)(const OrtKernelContext*, void (*task)(void*, size_t), size_t total,
                                          size_t batches, void* data);  // 274
};

// What an op is to onnxruntime; the runtime reads the fields that `version` says are there.
struct OrtCustomOp {
  uint32_t version;
  void* CreateKernel;  // superseded by CreateKernelV2
  const char* (*GetName)(const OrtCustomOp*);
  const char* (*GetExecutionProviderType)(const OrtCustomOp*);
  OrtElementType (*GetInputType)(const OrtCustomOp*, size_t);
  size_t (*GetInputTypeCount)(const OrtCustomOp*);
  OrtElementType (*GetOutputType)(const OrtCustomOp*, size_t);
  size_t (*GetOutputTypeCount)(const OrtCustomOp*);
  void* KernelCompute;  // superseded by KernelComputeV2
  void (*KernelDestroy)(void* kernel);
  OrtCharacteristic (*GetInputCharacteristic)(const OrtCustomOp*, size_t);
  OrtCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp*, size_t);
  OrtMemType (*GetInputMemoryType)(const OrtCustomOp*, size_t);
  int (*GetVariadicInputMinArity)(const OrtCustomOp*);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp*);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp*);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp*);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*, void** kernel);
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext*);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp*, OrtShapeInferContext*);
  int (*GetStartVersion)(const OrtCustomOp*);
  int (*GetEndVersion)(const OrtCustomOp*);
  size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};

#define SNNCC_SLOT(name, slot) static_assert(offsetof(OrtApi, name) == (slot) * sizeof(void*), #name)
SNNCC_SLOT(GetErrorMessage, 2);
SNNCC_SLOT(CreateCustomOpDomain, 26);
SNNCC_SLOT(CustomOpDomain_Add, 27);
SNNCC_SLOT(AddCustomOpDomain, 28);
SNNCC_SLOT(GetTensorMutableData, 51);
SNNCC_SLOT(CreateTensorTypeAndShapeInfo, 57);
SNNCC_SLOT(SetTensorElementType, 58);
SNNCC_SLOT(SetDimensions, 59);
SNNCC_SLOT(GetTensorElementType, 60);
SNNCC_SLOT(GetDimensionsCount, 61);
SNNCC_SLOT(GetDimensions, 62);
SNNCC_SLOT(GetSymbolicDimensions, 63);
SNNCC_SLOT(GetTensorTypeAndShape, 65);
SNNCC_SLOT(KernelInfoGetAttribute_float, 85);
SNNCC_SLOT(KernelInfoGetAttribute_int64, 86);
SNNCC_SLOT(KernelContext_GetOutputCount, 89);
SNNCC_SLOT(KernelContext_GetInput, 90);
SNNCC_SLOT(KernelContext_GetOutput, 91);
SNNCC_SLOT(ReleaseStatus, 93);
SNNCC_SLOT(ReleaseTensorTypeAndShapeInfo, 99);
SNNCC_SLOT(ReleaseCustomOpDomain, 101);
SNNCC_SLOT(KernelInfoGetAttributeArray_float, 162);
SNNCC_SLOT(KernelContext_GetGPUComputeStream, 193);
SNNCC_SLOT(KernelInfo_GetNodeName, 244);
SNNCC_SLOT(ShapeInferContext_GetInputTypeShape, 268);
SNNCC_SLOT(ShapeInferContext_GetAttribute, 269);
SNNCC_SLOT(ShapeInferContext_SetOutputTypeShape, 270);
SNNCC_SLOT(SetSymbolicDimensions, 271);
SNNCC_SLOT(ReadOpAttr, 272);
SNNCC_SLOT(KernelContext_ParallelFor, 274);
#undef SNNCC_SLOT

static_assert(sizeof(void*) == 8, "the byte offsets below are those of a 64-bit machine");
static_assert(offsetof(OrtCustomOp, KernelDestroy) == 72);
static_assert(offsetof(OrtCustomOp, CreateKernelV2) == 136);
static_assert(offsetof(OrtCustomOp, InferOutputShapeFn) == 152);
static_assert(offsetof(OrtCustomOp, GetMayInplace) == 176);
static_assert(sizeof(OrtCustomOp) == 208);

// SPDX-License-Identifier: Apache-2.0
// How the neurons' arithmetic is declared, so that it is written once for the CPU and CUDA.
//
// Everything is float32 and every step is rounded: the build turns contraction into fused multiply-adds off. The
// functions are `static SNNCC_HD` because CPU files are compiled for different instruction sets: with external linkage
// the linker would keep one copy for all of them, perhaps one that this machine cannot run.
#pragma once

#ifdef __CUDACC__
#define SNNCC_HD __host__ __device__ __forceinline__
#else
#define SNNCC_HD inline
#endif

// SPDX-License-Identifier: Apache-2.0
// For a loop over neurons whose arrays may be each other, element by element: no iteration needs another, so that the
// compiler may turn them into vector code without asking at run time where the arrays lie.
#pragma once

#ifdef __clang__
#define SNNCC_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define SNNCC_INDEPENDENT _Pragma("GCC ivdep")
#endif

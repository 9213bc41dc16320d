# SPDX-License-Identifier: Apache-2.0
"""Each idiom has one form: `Add` of two, `Mul` by a constant, `Relu`, `MatMul`, `Slice`; one floating-point type."""

# SPDX-License-Identifier: Apache-2.0
"""Canonicalise: binary `Add`, `Mul` by a constant, `Relu`, `MatMul`, `Slice`, and one floating-point type."""

# SPDX-License-Identifier: Apache-2.0
"""Sums of floating-point numbers without rounding, so that parts can be added up in any order.

Every float64 is a whole multiple of 2^-1126; a sum is kept as the integer that counts these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["exact_sum"]

_UNIT = 1126  # the smallest exponent that frexp gives, -1073, less 53 bits of mantissa
_HALF = 26  # bits of a mantissa's lower part: sums of 2^36 parts stay within 64 bits


def exact_sum(values: npt.NDArray[Any]) -> int:
    """The sum of finite float64 `values`, in units of 2^-1126."""
    mantissas, exponents = np.frexp(np.asarray(values, np.float64).ravel())
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    total = 0
    for exponent in np.unique(exponents).tolist():
        same = whole[exponents == exponent]
        high, low = same >> _HALF, same & (2**_HALF - 1)
        total += ((int(high.sum()) << _HALF) + int(low.sum())) << (exponent - 53 + _UNIT)
    return total

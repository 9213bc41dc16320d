# SPDX-License-Identifier: Apache-2.0
"""exp, log(1 + exp) and the logistic function in float32 steps that are identical in every implementation.

Library functions differ in the last bits between runtimes, and a threshold that differs in its last bit makes other
neurons fire. These functions are therefore written as additions, multiplications and divisions, each rounded to
float32:

    exp(x) = p(x/64)^64 with |x| <= 16 and p the Taylor polynomial of degree 6 (relative error below 1e-5)
    log(1 + y) = 2 s (1 + s^2/3 + s^4/5 + …) with s = y/(2 + y), for 0 <= y <= 1
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from snncc.ops.arrays import Array

__all__ = ["CONSTANTS", "exp", "exp_body", "logistic", "logistic_body", "softplus", "softplus_body"]

_LIMIT = 16.0
_PARTS = 64
_SQUARINGS = 6
_EXP = tuple(1 / math.factorial(k) for k in range(6, -1, -1))
_LOG = tuple(1 / (2 * k + 1) for k in range(6, -1, -1))
_F = np.float32


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    value = np.full_like(x, _F(coefficients[0]))
    for coefficient in coefficients[1:]:
        value = value * x + _F(coefficient)
    return value


def exp(x: Array) -> Array:
    """e^x of float32 `x`, clipped to -16 … 16."""
    value = _polynomial(np.minimum(np.maximum(x, _F(-_LIMIT)), _F(_LIMIT)) * _F(1 / _PARTS), _EXP)
    for _ in range(_SQUARINGS):
        value = value * value
    return value


def softplus(x: Array) -> Array:
    """log(1 + e^x) of float32 `x`."""
    y = exp(-np.abs(x))
    s = y / (y + _F(2))
    return np.maximum(x, _F(0)) + _polynomial(s * s, _LOG) * (s * _F(2))


def logistic(x: Array) -> Array:
    """1 / (1 + e^-x) of float32 `x`."""
    return _F(1) / (exp(-x) + _F(1))


def _constant(name: str, value: float) -> str:
    return f"{name} = Constant <value_float = {float(_F(value))!r}> ()"


CONSTANTS = "\n".join(
    [_constant("zero", 0), _constant("unit", 1), _constant("two", 2), _constant("highest", _LIMIT)]
    + [_constant("lowest", -_LIMIT), _constant("part", 1 / _PARTS)]
    + [_constant(f"exp_{k}", c) for k, c in enumerate(_EXP)]
    + [_constant(f"log_{k}", c) for k, c in enumerate(_LOG)]
)
"""Body lines that the functions below need in front of them."""


def _polynomial_body(out: str, x: str, family: str, degree: int) -> list[str]:
    lines = []
    value = f"{family}_0"
    for k in range(1, degree + 1):
        lines += [f"{out}_m{k} = Mul ({value}, {x})", f"{out}_a{k} = Add ({out}_m{k}, {family}_{k})"]
        value = f"{out}_a{k}"
    return lines


def exp_body(out: str, x: str) -> str:
    """Body lines for out = exp(x)."""
    lines = [f"{out}_high = Max ({x}, lowest)", f"{out}_held = Min ({out}_high, highest)"]
    lines += [f"{out}_part = Mul ({out}_held, part)", *_polynomial_body(out, f"{out}_part", "exp", len(_EXP) - 1)]
    value = f"{out}_a{len(_EXP) - 1}"
    for k in range(_SQUARINGS):
        target = out if k == _SQUARINGS - 1 else f"{out}_s{k}"
        lines += [f"{target} = Mul ({value}, {value})"]
        value = target
    return "\n".join(lines)


def softplus_body(out: str, x: str) -> str:
    """Body lines for out = softplus(x)."""
    lines = [f"{out}_abs = Abs ({x})", f"{out}_neg = Neg ({out}_abs)", exp_body(f"{out}_y", f"{out}_neg")]
    lines += [f"{out}_below = Add ({out}_y, two)", f"{out}_s = Div ({out}_y, {out}_below)"]
    lines += [f"{out}_sq = Mul ({out}_s, {out}_s)", *_polynomial_body(out, f"{out}_sq", "log", len(_LOG) - 1)]
    lines += [f"{out}_twice = Mul ({out}_s, two)", f"{out}_log = Mul ({out}_a{len(_LOG) - 1}, {out}_twice)"]
    lines += [f"{out}_relu = Max ({x}, zero)", f"{out} = Add ({out}_relu, {out}_log)"]
    return "\n".join(lines)


def logistic_body(out: str, x: str) -> str:
    """Body lines for out = logistic(x)."""
    lines = [f"{out}_neg = Neg ({x})", exp_body(f"{out}_e", f"{out}_neg")]
    lines += [f"{out}_below = Add ({out}_e, unit)", f"{out} = Div (unit, {out}_below)"]
    return "\n".join(lines)

# SPDX-License-Identifier: Apache-2.0
"""Activations that few-spikes neurons approximate: functions in float64, and default ranges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from snncc.errors import OptionError

__all__ = ["ACTIVATIONS", "Activation", "Function", "activation"]

Floats = npt.NDArray[np.float64]
Function = Callable[[Floats], Floats]

_erf: Function = np.vectorize(math.erf, otypes=[np.float64])


class Activation(NamedTuple):
    """A function, and the default range [low, high] of pre-activations."""

    function: Function
    low: float = -8.0
    high: float = 8.0


def _sigmoid(x: Floats) -> Floats:
    return (1 + np.tanh(x / 2)) / 2  # never overflows


def _softplus(x: Floats) -> Floats:
    return np.logaddexp(0, x)


def _gelu(x: Floats) -> Floats:
    return x * (1 + _erf(x / math.sqrt(2))) / 2


def _gelu_tanh(x: Floats) -> Floats:
    nearly_erf: Floats = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    return x * (1 + nearly_erf) / 2


def _hardsigmoid(x: Floats) -> Floats:
    return np.minimum(np.maximum(0.2 * x + 0.5, 0), 1)


# The names of ONNX in lower case; swish is also called SiLU. Constants are ONNX's defaults.
ACTIVATIONS = {
    "swish": Activation(lambda x: x * _sigmoid(x)),
    "sigmoid": Activation(_sigmoid),
    "tanh": Activation(np.tanh, -4.0, 4.0),
    "gelu": Activation(_gelu),
    "gelu-tanh": Activation(_gelu_tanh),
    "hardswish": Activation(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "hardsigmoid": Activation(_hardsigmoid, -4.0, 4.0),
    "elu": Activation(lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x)),
    "softplus": Activation(_softplus),
    "leakyrelu": Activation(lambda x: np.where(x < 0, 0.01 * x, x)),
    "mish": Activation(lambda x: x * np.tanh(_softplus(x))),
}


def activation(name: str) -> Activation:
    """The activation called `name`.

    Raises:
        OptionError: there is none of this name.
    """
    if name not in ACTIVATIONS:
        raise OptionError(f"there is no activation '{name}'; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]

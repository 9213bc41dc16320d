# SPDX-License-Identifier: Apache-2.0
"""Random numbers from (key, element of the sample, step) alone: independent of batch, shard and implementation.

A counter is hashed to 32 bits as in MurmurHash3's finalizer (Appleby, public domain). 64-bit integers hold every
product, so that the function body can compute it, too.
"""

from __future__ import annotations

import numpy as np

from snncc.ops.arrays import Array

__all__ = ["DRAW", "DRAW_PRELUDE", "hashed_uniform"]

_MODULUS = 2**32
_ELEMENT, _STEP = 0x9E3779B1, 0x85EBCA77  # odd multipliers that spread neighbours over all 32 bits
_MIX = ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1))


def hashed_uniform(key: int, elements: Array, step: int) -> Array:
    """A number in 0 … 2^32 - 1 for each element (its index within its sample) at `step`."""
    state = (elements.astype(np.int64) * _ELEMENT + step % _MODULUS * _STEP % _MODULUS + key) % _MODULUS
    for shift, factor in _MIX:
        state = (state ^ (state >> shift)) * factor % _MODULUS
    return state


def _integer(name: str, value: int) -> str:
    return f"{name} = Constant <value_int = {value}> ()"


DRAW_PRELUDE = "\n".join(
    [f"{name} = Constant <value_int: int = @{name}> ()" for name in ("survival", "early", "key")]
    + [_integer("by_element", _ELEMENT), _integer("by_step", _STEP), _integer("modulus", _MODULUS)]
    + [f"{_integer(f'shift_{k}', 2**s)}\n{_integer(f'factor_{k}', f)}" for k, (s, f) in enumerate(_MIX)]
    + [
        "none = Constant <value_int = 0> ()",
        "next = Constant <value_int = 1> ()",
        "size = ReduceProd <keepdims = 0> (rest)",
    ]
    + ["places = Range (none, size, next)", "elements = Reshape <allowzero = 1> (places, rest)"]
    + ["spread = Mul (elements, by_element)", "keyed = Add (spread, key)"]
)
DRAW = "\n".join(
    ["stepped = Mul (now, by_step)", "seeded = Add (keyed, stepped)", "state_0 = Mod (seeded, modulus)"]
    + [
        f"moved_{k} = Div (state_{k}, shift_{k})\nmixed_{k} = BitwiseXor (state_{k}, moved_{k})\n"
        f"grown_{k} = Mul (mixed_{k}, factor_{k})\nstate_{k + 1} = Mod (grown_{k}, modulus)"
        for k in range(len(_MIX))
    ]
    + [f"lucky = Less (state_{len(_MIX)}, survival)", "late = GreaterOrEqual (now, early)", "may = Or (lucky, late)"]
    + ["fires = And (reached, may)"]
)

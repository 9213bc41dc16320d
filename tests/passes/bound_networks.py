# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

CONSTANTS = """<float zero = {0.0}, float half = {0.5}, float minus = {-0.5}, float one = {1.0}, float far = {1e4},
    float lowest = {-3.4e38}, float most = {3.4e38}, float[4] each = {-0.5, 0.25, 0.0, 2.0},
    float[1,1,4] wide = {1, 2, 3, 4}, float below = {-1.0}, float[4] upper = {0.5, 0.25, -1.0, 3.0}>"""


USES = "b = Add (a, one) y = Relu (b)"


def network(body: str) -> str:
    return f"net (float[N,4] x) => (float[{'A,B'}] y) {CONSTANTS[:-1]}, int64[1] axis = {{0}}> {{ {body} {USES} }}"


def kinds(names: list[str]) -> list[str]:
    return [n for n in names if n not in ("Add", "Mul", "Neg", "Abs", "ReduceSum")]

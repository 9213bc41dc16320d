# SPDX-License-Identifier: Apache-2.0
"""Equivalent forms of ReLU, related activations, their positions, and the names of ops that stay analog."""

from __future__ import annotations

import json
from collections import Counter

import pytest

CONV = "{x}c = Conv <pads = [1,1,1,1]> ({x}, k)"
WEIGHTS = {"k": (4, 4, 3, 3)}
ZERO = {"z": 0.0}
CHOICE = "{x}q = Greater ({x}, z)"

# (Op, constants, how many layers of neurons it adds to the three of the network itself, in both places together.)
CASES = {
    "Relu": ("{y} = Relu ({x})", {}, 0),
    "Relu of a Relu": ("{x}a = Relu ({x}) {y} = Relu ({x}a)", {}, 0),
    "Relu of a pooled Relu": (
        "{x}a = Relu ({x}) {x}p = MaxPool <kernel_shape = [2,2]> ({x}a) {x}t = Transpose <perm = [0,2,3,1]> ({x}p) "
        "{y} = Relu ({x}t)",
        {},
        0,
    ),
    "one Relu, many users": (
        f"{{x}}r = Relu ({{x}}) {CONV.replace('({x},', '({x}r,')} {{x}}p = MaxPool <kernel_shape = [1,1]> ({{x}}r) "
        "{x}s = Add ({x}r, {x}c) {y} = Sub ({x}s, {x}p)",
        WEIGHTS,
        1,
    ),
    "ReLU6": ("{y} = Clip ({x}, z, s)", {**ZERO, "s": 0.6}, 0),
    "Clip from 0": ("{y} = Clip ({x}, z)", ZERO, 0),
    "Clip to other bounds": ("{y} = Clip ({x}, z, s)", {"z": -0.3, "s": 0.6}, 0),
    "Clip from above": ("{y} = Clip ({x}, , s)", {"s": 0.6}, 0),
    "Clip without bounds": ("{y} = Clip ({x})", {}, 0),
    "Min of Max": ("{x}q = Max ({x}, z) {y} = Min ({x}q, s)", {**ZERO, "s": 0.6}, 0),
    "Max of Min": ("{x}q = Min ({x}, s) {y} = Max (z, {x}q)", {**ZERO, "s": 0.6}, 0),
    "PRelu": ("{y} = PRelu ({x}, k)", {"k": [[[0.1]], [[0.3]], [[-0.2]], [[0.0]]]}, 2),
    "LeakyRelu": ("{y} = LeakyRelu <alpha = 0.2> ({x})", {}, 2),
    "Abs": ("{y} = Abs ({x})", {}, 2),
    "Max(x, 0)": ("{y} = Max ({x}, z)", ZERO, 0),
    "Max(0, x)": ("{y} = Max (z, {x})", {"z": [0.0]}, 0),
    "Max(x, 0.2)": ("{y} = Max ({x}, z)", {"z": 0.2}, 1),
    "Max with a vector": ("{y} = Max ({x}, z)", {"z": [[[0.5]], [[-1.5]], [[2.0]], [[0.25]]]}, 3),
    "Min(x, 0.2)": ("{y} = Min ({x}, z)", {"z": 0.2}, 0),
    "Max of activations": (f"{CONV} {{y}} = Max ({{x}}, {{x}}c)", WEIGHTS, 2),
    "Min of activations": (f"{CONV} {{y}} = Min ({{x}}, {{x}}c)", WEIGHTS, 2),
    "Max of three": (f"{CONV} {{y}} = Max ({{x}}, {{x}}c, z)", {**WEIGHTS, "z": 0.1}, 3),
    "ThresholdedRelu of 0": ("{y} = ThresholdedRelu <alpha = 0.0> ({x})", {}, 0),
    "Where(x > 0)": (f"{CHOICE} {{y}} = Where ({{x}}q, {{x}}, z)", ZERO, 0),
    "Where(x < 0)": ("{x}q = Less ({x}, z) {y} = Where ({x}q, z, {x})", ZERO, 0),
    "Where(not 0 >= x)": (
        "{x}q = GreaterOrEqual (z, {x}) {x}n = Not ({x}q) {y} = Where ({x}n, {x}, z)",
        ZERO,
        0,
    ),
    "Where that leaks": (
        f"{CHOICE} {{x}}m = Mul ({{x}}, a) {{y}} = Where ({{x}}q, {{x}}, {{x}}m)",
        {**ZERO, "a": 0.1},
        2,
    ),
    "Where(x > 0, 0, x)": (f"{CHOICE} {{x}}n = Where ({{x}}q, z, {{x}}) {{y}} = Neg ({{x}}n)", ZERO, 2),
    "x (x > 0)": (f"{CHOICE} {{x}}m = Cast <to = 1> ({{x}}q) {{y}} = Mul ({{x}}m, {{x}})", ZERO, 0),
}
ISLANDS = {
    "LpPool": ("{y} = LpPool <kernel_shape = [2,2], p = 2> ({x})", {}),
    "GlobalLpPool": ("{y} = GlobalLpPool <p = 2> ({x})", {}),
    "Softmax": ("{y} = Softmax <axis = 1> ({x})", {}),
    "Einsum": ('{y} = Einsum <equation = "nchw,nchv->nhwv"> ({x}, {x})', {}),
    "Mul": ("{y} = Mul ({x}, {x})", {}),
    "InstanceNormalization": ("{y} = InstanceNormalization ({x}, g, g)", {"g": [1.0, -2.0, 0.5, 1.5]}),
}


@pytest.mark.parametrize("name", CASES)
def test_follows_the_network(follows, name) -> None:
    op, constants, more = CASES[name]
    ops = Counter(n.op_type for n in follows(op, constants).graph.node)
    assert not ops.keys() & {"Relu", "Max", "Clip", "Where", "Greater", "Less", "Cast"}
    assert ops["FSNeuron"] == 3 + more


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["phase", "phase, waiting", "rate", "rate, waiting", "msat"])
@pytest.mark.parametrize("name", CASES)
def test_follows_the_network_in_every_coding(follows, name, coding) -> None:
    follows(*CASES[name][:2], coding)


@pytest.mark.parametrize("op", ISLANDS)
def test_what_is_neither_stays_analog(follows, op) -> None:
    snn = follows(*ISLANDS[op])
    named = json.loads(next(p.value for p in snn.metadata_props if p.key == "snncc.islands"))
    assert set(named.values()) == {op}
    assert len(named) == 2

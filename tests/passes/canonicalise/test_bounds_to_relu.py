# SPDX-License-Identifier: Apache-2.0
"""Tests of bounds-to-relus."""

from __future__ import annotations

from collections import Counter

import pytest

from snncc.coding.bound_forms import BoundForm
from snncc.ir.graph import Graph
from snncc.passes.canonicalise.bounds_to_relu import BoundsToRelu
from tests.passes.bound_networks import kinds, network

FORMS = {
    "Clip": ("a = Clip (x, minus, half)", ["Relu", "Min", "Relu", "Min"], ["Relu", "Relu"]),
    "Clip above 0": ("a = Clip (x, half, one)", ["Relu", "Min"], ["Relu", "Relu"]),
    "Clip below 0": ("a = Clip (x, below, minus)", ["Relu", "Min"], ["Relu", "Relu"]),
    "Max": ("a = Max (x, minus)", ["Relu", "Relu", "Min"], ["Relu"]),
    "Max above 0": ("a = Max (half, x)", ["Relu"], ["Relu"]),
    "Min": ("a = Min (x, half)", ["Relu", "Min", "Relu"], ["Relu"]),
    "Min below 0": ("a = Min (x, minus)", ["Relu"], ["Relu"]),
    "channels": ("c = Max (x, each) a = Min (c, upper)", None, ["Relu", "Relu"]),
    "axes": ("c = Max (x, wide) a = ReduceSum <keepdims = 0> (c, axis)", ["Relu"], ["Relu"]),
    "two": ("c = Abs (x) a = Max (x, c)", ["Relu"], ["Relu"]),
    "the lower of two": ("c = Abs (x) a = Min (x, c)", ["Relu"], ["Relu"]),
}


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_bounds_become_relus(build, apply, ops, name, keeps) -> None:
    body, coded, kept = FORMS[name]
    model = build(network(body), {})
    forms = {n.name: BoundForm(keeps) for n in Graph.from_proto(model).nodes()}
    count, after = apply(BoundsToRelu(forms), model)
    assert count == 1
    expected = kept if keeps else coded
    assert expected is None or Counter(kinds(ops(after))) == Counter([*expected, "Relu"])


def test_a_relus_ceiling_stays(build, apply, ops) -> None:
    model = build(network("c = Relu (x) d = Min (c, half) e = Clip (x, zero, one) a = Add (d, e)"), {})
    count, after = apply(BoundsToRelu(), model)
    assert (count, Counter(ops(after))["Clip"]) == (0, 1)


def test_bounds_left_out_are_gone(build, apply, ops) -> None:
    model = build(network("a = Clip (x, lowest, far)"), {})
    name = next(n.name for n in Graph.from_proto(model).nodes("Clip"))
    _, after = apply(BoundsToRelu({name: BoundForm(keeps=True, no_low=True, no_high=True)}), model)
    assert kinds(ops(after)) == ["Relu"]

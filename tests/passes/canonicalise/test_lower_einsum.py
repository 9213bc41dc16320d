# SPDX-License-Identifier: Apache-2.0
"""Tests of lower-einsum."""

from __future__ import annotations

import pytest

from snncc.ir.graph import Graph
from snncc.passes.canonicalise.lower_einsum import LowerEinsum

REWRITES = {
    "axes in a ring": (
        LowerEinsum(),
        'a = Reshape (x, ring) y = Einsum <equation = "nabc->nbca"> (a)',
        ["Reshape", "Transpose"],
    ),
    "matrix": (LowerEinsum(), 'y = Einsum <equation = "ni,io->no"> (x, w)', ["MatMul"]),
    "matrix, turned": (LowerEinsum(), 'y = Einsum <equation = "oi,nj->no"> (w, x)', None),
    "rows of a cube": (LowerEinsum(), 'y = Einsum <equation = "ni,hio->nho"> (x, cube)', ["MatMul", "Reshape"]),
    "factors": (LowerEinsum(), 'y = Einsum <equation = "ni,i->ni"> (x, v)', ["Mul"]),
    "a number": (LowerEinsum(), 'y = Einsum <equation = "ni,->ni"> (x, half)', ["Mul"]),
    "a sum": (LowerEinsum(), 'y = Einsum <equation = "ni->n"> (x)', ["ReduceSum"]),
    "nothing": (LowerEinsum(), 'a = Relu (x) y = Einsum <equation = "ni->ni"> (a)', ["Relu"]),
}


LEFT = {
    "activations": (LowerEinsum(), 'y = Einsum <equation = "ni,ni->n"> (x, x)', "a product of activations"),
    "diagonal": (LowerEinsum(), 'y = Einsum <equation = "ni,ii->ni"> (x, square)', "it takes a diagonal"),
    "samples": (LowerEinsum(), 'y = Einsum <equation = "ni->in"> (x)', "mixes samples"),
}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])


@pytest.mark.parametrize(("size", "reason"), [("L", "the length of an axis is not known"), ("4", "rank of an operand")])
def test_shapes_must_be_known(build, skips, size, reason) -> None:
    text = f'net (float[N,{size}] x) => (float[N,5] y) {{ a = Relu (x) y = Einsum <equation = "ni,io->no"> (a, w) }}'
    graph = Graph.from_proto(build(text, {"w": (4, 5)}))
    graph.infer_shapes()
    if "rank" in reason:
        graph.nodes("Einsum")[0].inputs[0].shape = None
    assert LowerEinsum().run(graph) == 0
    assert reason in skips()

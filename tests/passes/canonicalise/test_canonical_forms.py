# SPDX-License-Identifier: Apache-2.0
"""Tests of slice-splits, join-tiles, lower-einsum, place-constants, masks-to-factors, recognise-relus and others."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from snncc.ir.graph import Graph
from snncc.passes.canonicalise.ceilings_behind_relus import CeilingsBehindRelus
from snncc.passes.canonicalise.fold_expanded_constants import FoldExpandedConstants
from snncc.passes.canonicalise.lower_einsum import LowerEinsum
from snncc.passes.canonicalise.recognise_relu import RecogniseRelu
from snncc.passes.canonicalise.remove_redundant_relu import RemoveRedundantRelu
from snncc.passes.canonicalise.simplify_arithmetic import SimplifyArithmetic
from snncc.passes.canonicalise.split_to_slices import SplitToSlices, TileToConcat
from snncc.passes.canonicalise.where_to_mul import WhereToMul
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import canonicalisation

SHAPES = {"w": (4, 5), "v": (4,), "cube": (2, 4, 5), "square": (4, 4)}
CONSTANTS = """<float zero = {0.0}, float half = {0.5}, float minus = {-0.5}, int64[2] parts = {1, 3},
    int64[2] twice = {1, 2}, int64[2] rows = {2, 1}, bool[4] mask = {0, 1, 1, 0}, int64[1] three = {3},
    float[1,3] c = {1.0, 2.0, 3.0}, float much = {1e38}, int64[3] box = {0, 2, 2}, int64[3] copies = {1, 2, 3},
    int64[4] ring = {0, 1, 2, 2}, float[4] gaps = {1.0, 0.0, 2.0, 4.0}>"""
CHOICE = "g = Greater (x, half) y = Where (g, x, zero)"
RANKS = {
    "Tile of two axes": "A,B,C",
    "axes in a ring": "A,B,C,D",
    "rows of a cube": "A,B,C",
    "a sum": "A",
    "activations": "A",
}

# (Pass, nodes of a network from x [N, 4] to y, ops that are left).
REWRITES = {
    "Split": (SplitToSlices(), "a, b = Split <axis = 1> (x, parts) y = Relu (b)", ["Slice", "Relu"]),
    "Split, halves": (SplitToSlices(), "a, b = Split <axis = -1, num_outputs = 2> (x) y = Add (a, b)", None),
    "Split into outputs": (SplitToSlices(), "y, b = Split <axis = 1, num_outputs = 2> (x)", ["Slice"]),
    "Tile": (TileToConcat(), "y = Tile (x, twice)", ["Concat"]),
    "Tile of two axes": (TileToConcat(), "a = Reshape (x, box) y = Tile (a, copies)", ["Reshape", "Concat", "Concat"]),
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
    "constants beside": (
        FoldExpandedConstants(),
        "s = Shape <end = 1> (x) t = Concat <axis = 0> (s, three) k = Expand (c, t) y = Concat <axis = 1> (k, x)",
        ["Pad", "Add"],
    ),
    "zeros added": (
        FoldExpandedConstants(),
        "s = Shape (x) k = ConstantOfShape <value = float[1] {2.0}> (s) y = Add (x, k)",
        ["Add"],
    ),
    "mask": (WhereToMul(), "y = Where (mask, x, half)", ["Mul", "Add"]),
    "Max": (RecogniseRelu(), "y = Max (zero, x)", ["Relu"]),
    "open Clip": (RecogniseRelu(), "y = Clip (x, zero)", ["Relu"]),
    "Where": (RecogniseRelu(), "g = Greater (x, zero) y = Where (g, x, zero)", ["Relu"]),
    "Where below": (RecogniseRelu(), "g = Less (x, zero) y = Where (g, x, zero)", ["Mul", "Relu", "Mul"]),
    "Where, leaky": (RecogniseRelu(), "g = Less (zero, x) m = Mul (x, v) y = Where (g, x, m)", ["PRelu"]),
    "gate": (RecogniseRelu(), "g = Greater (x, zero) m = Cast <to = 1> (g) y = Mul (x, m)", ["Relu"]),
    "ReLU6 the other way": (CeilingsBehindRelus(), "a = Min (x, half) y = Relu (a)", ["Relu", "Min"]),
    "Relu twice": (RemoveRedundantRelu(), "a = Relu (x) b = Relu (a) y = Add (b, a)", ["Relu", "Add"]),
    "Abs of a ReLU6": (RemoveRedundantRelu(), "a = Clip (x, zero, half) b = Abs (a) y = Add (b, a)", ["Clip", "Add"]),
}
LEFT = {
    "a constant": (SimplifyArithmetic(), "a = Neg (half) y = Add (x, a)", "it gives a constant"),
    "a divisor of 0": (SimplifyArithmetic(), "y = Div (x, gaps)", "not a constant without zeros"),
    "Split of samples": (SplitToSlices(), "a, b = Split <num_outputs = 2> (x) y = Add (a, b)", "length of its parts"),
    "Tile of samples": (TileToConcat(), "y = Tile (x, rows)", "it repeats the samples"),
    "activations": (LowerEinsum(), 'y = Einsum <equation = "ni,ni->n"> (x, x)', "a product of activations"),
    "diagonal": (LowerEinsum(), 'y = Einsum <equation = "ni,ii->ni"> (x, square)', "it takes a diagonal"),
    "samples": (LowerEinsum(), 'y = Einsum <equation = "ni->in"> (x)', "mixes samples"),
    "a computed mask": (
        WhereToMul(),
        "g = Greater (x, half) y = Where (g, x, zero)",
        "what it chooses by is computed",
    ),
    "another threshold": (
        RecogniseRelu(),
        "g = Greater (x, half) y = Where (g, x, zero)",
        "no choice between x above 0",
    ),
    "a threshold": (RecogniseRelu(), "y = ThresholdedRelu <alpha = 0.5> (x)", "its threshold is not 0"),
    "both bounds": (RecogniseRelu(), "y = Clip (x, zero, half)", "its bounds are others than 0"),
    "a negative ceiling": (CeilingsBehindRelus(), "a = Min (x, minus) y = Relu (a)", "no positive constant"),
    "a ceiling read twice": (
        CeilingsBehindRelus(),
        "a = Min (x, half) b = Relu (a) y = Add (a, b)",
        "has other users",
    ),
    "negative values": (RemoveRedundantRelu(), "a = Tanh (x) b = Relu (a) y = Add (b, a)", "its input may be negative"),
    "a factor below 0": (
        RemoveRedundantRelu(),
        "a = Relu (x) m = Mul (a, minus) b = Relu (m) y = Add (b, a)",
        "its input may be negative",
    ),
}


def _network(body: str, name: str) -> tuple[str, dict[str, tuple[int, ...]]]:
    """The text of a network from x to y, and the weights that it takes."""
    used = {k: v for k, v in SHAPES.items() if k in body}
    return f"net (float[N,4] x) => (float[{RANKS.get(name, 'A,B')}] y) {CONSTANTS} {{ {body} }}", used


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(build, apply, ops, name) -> None:
    each, body, left = REWRITES[name]
    count, after = apply(each, build(*_network(body, name)))
    assert count >= 1
    assert left is None or [op for op in ops(after) if op != "Identity"] == left


@pytest.mark.parametrize("name", LEFT)
def test_leaves(build, apply, skips, name) -> None:
    each, body, reason = LEFT[name]
    assert apply(each, build(*_network(body, name)), equivalent=False)[0] == 0
    assert reason in skips()


def test_a_split_with_an_empty_name_for_its_sizes(build, apply, ops) -> None:
    model = build(
        "net (float[N,4] x) => (float[N,2] y) { a, b = Split <axis = 1, num_outputs = 2> (x) y = Add (a, b) }", {}
    )
    model.graph.node[0].input.append("")
    count, after = apply(SplitToSlices(), model, equivalent=False)  # onnxruntime refuses the node as it was
    assert (count, ops(after)) == (1, ["Slice", "Slice", "Add"])


def test_infinities_that_a_mask_fills_in_stay(build, apply, ops) -> None:
    """Softmax shows them as 0; one of the four values filled in is finite."""
    text = "float[4] none = {-1.0, -1.0, -1.0, 0.5}, bool[4] some = {1, 0, 0, 0}"
    body = "a = Where (some, x, none) y = Softmax <axis = 1> (a)"
    model = build(f"net (float[N,4] x) => (float[N,4] y) <{text}> {{ {body} }}", {})
    values = next(t for t in model.graph.initializer if t.name == "none")
    values.CopyFrom(numpy_helper.from_array(np.array([-np.inf, -np.inf, -np.inf, 0.5], np.float32), "none"))
    count, after = apply(WhereToMul(), model)
    assert (count, "Where" in ops(after)) == (1, False)


def test_a_network_is_spelled_once(build, ops) -> None:
    """A second time there is nothing left to do."""
    body = """a = Sub (x, half) b = Max (a, zero) c1, d = Split <axis = 1, num_outputs = 2> (b) e = Min (c1, d)
        f = Neg (e) y = Clip (f, minus, half)"""
    graph = Graph.from_proto(build(f"net (float[N,4] x) => (float[N,2] y) {CONSTANTS} {{ {body} }}", {}))
    graph.infer_shapes()
    PassManager(canonicalisation(), verify=True).run(graph)
    again = PassManager(canonicalisation(), verify=True).run(graph)
    assert not any(count for _, count in again.rewrites)
    assert not set(ops(graph.to_proto())) & {"Sub", "Max", "Split", "Neg"}

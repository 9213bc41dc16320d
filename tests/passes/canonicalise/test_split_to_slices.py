# SPDX-License-Identifier: Apache-2.0
"""Tests of slice-splits, join-tiles."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.split_to_slices import SplitToSlices, TileToConcat

REWRITES = {
    "Split": (SplitToSlices(), "a, b = Split <axis = 1> (x, parts) y = Relu (b)", ["Slice", "Relu"]),
    "Split, halves": (SplitToSlices(), "a, b = Split <axis = -1, num_outputs = 2> (x) y = Add (a, b)", None),
    "Split into outputs": (SplitToSlices(), "y, b = Split <axis = 1, num_outputs = 2> (x)", ["Slice"]),
    "Tile": (TileToConcat(), "y = Tile (x, twice)", ["Concat"]),
    "Tile of two axes": (TileToConcat(), "a = Reshape (x, box) y = Tile (a, copies)", ["Reshape", "Concat", "Concat"]),
}


LEFT = {
    "computed repeats": (TileToConcat(), "a = Mul (twice, twice) y = Tile (x, a)", "its repeats are computed"),
    "Split of samples": (SplitToSlices(), "a, b = Split <num_outputs = 2> (x) y = Add (a, b)", "length of its parts"),
    "Tile of samples": (TileToConcat(), "y = Tile (x, rows)", "it repeats the samples"),
}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])


def test_a_split_with_an_empty_name_for_its_sizes(build, apply, ops) -> None:
    model = build(
        "net (float[N,4] x) => (float[N,2] y) { a, b = Split <axis = 1, num_outputs = 2> (x) y = Add (a, b) }", {}
    )
    model.graph.node[0].input.append("")
    count, after = apply(SplitToSlices(), model, equivalent=False)  # onnxruntime refuses the node as it was
    assert (count, ops(after)) == (1, ["Slice", "Slice", "Add"])

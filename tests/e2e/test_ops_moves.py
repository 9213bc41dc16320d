# SPDX-License-Identifier: Apache-2.0
"""Ops that pool, rearrange, resize, add or scale values, on potentials and on spikes."""

from __future__ import annotations

from collections import Counter

import pytest

CHANNELS = [[[0.5]], [[-1.5]], [[2.0]], [[0.25]]]
CONV = "{x}c = Conv <pads = [1,1,1,1]> ({x}, k)"
SQUARE = {"k": (4, 4, 3, 3)}

CASES = {
    "MaxPool, ceiling": ("{y} = MaxPool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> ({x})", {}),
    "MaxPool, dilated": ("{y} = MaxPool <kernel_shape = [2,2], dilations = [2,2], pads = [1,1,1,1]> ({x})", {}),
    "MaxPool, same": ('{y} = MaxPool <kernel_shape = [3,3], strides = [2,2], auto_pad = "SAME_UPPER"> ({x})', {}),
    "AveragePool, ceiling": ("{y} = AveragePool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> ({x})", {}),
    "AveragePool, padded": (
        "{y} = AveragePool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1], count_include_pad = 0> ({x})",
        {},
    ),
    "AveragePool, padding counted": (
        "{y} = AveragePool <kernel_shape = [3,3], pads = [1,0,1,1], count_include_pad = 1> ({x})",
        {},
    ),
    "AveragePool, dilated": ("{y} = AveragePool <kernel_shape = [2,2], dilations = [2,2]> ({x})", {}),
    "GlobalAveragePool": ("{y} = GlobalAveragePool ({x})", {}),
    "GlobalMaxPool": ("{y} = GlobalMaxPool ({x})", {}),
    "ReduceMean": ("{y} = ReduceMean <keepdims = 0> ({x}, axes)", {"axes": [2, 3]}),
    "ReduceMean of channels": ("{y} = ReduceMean ({x}, axes)", {"axes": [1]}),
    "ReduceSum": ("{y} = ReduceSum <keepdims = 1> ({x}, axes)", {"axes": [-1]}),
    "ReduceMax": ("{y} = ReduceMax <keepdims = 0> ({x}, axes)", {"axes": [2, 3]}),
    "Add a constant": ("{y} = Add ({x}, k)", {"k": CHANNELS}),
    "Add to a constant": ("{y} = Add (k, {x})", {"k": CHANNELS}),
    "Add one number": ("{y} = Add ({x}, k)", {"k": 0.3}),
    "Add an image": ("{y} = Add ({x}, k)", {"k": (6, 6)}),
    "Sub a constant": ("{y} = Sub ({x}, k)", {"k": CHANNELS}),
    "Sub from a constant": ("{y} = Sub (k, {x})", {"k": CHANNELS}),
    "Mul by a constant": ("{y} = Mul ({x}, k)", {"k": CHANNELS}),
    "Mul of a constant": ("{y} = Mul (k, {x})", {"k": CHANNELS}),
    "Mul by one number": ("{y} = Mul ({x}, k)", {"k": -0.3}),
    "Mul by an image": ("{y} = Mul ({x}, k)", {"k": (6, 6)}),
    "Div by a constant": ("{y} = Div ({x}, k)", {"k": CHANNELS}),
    "Neg": ("{y} = Neg ({x})", {}),
    "Sum of three": ("{x}m = Mul ({x}, k) {y} = Sum ({x}, {x}m, k)", {"k": CHANNELS}),
    "Mean": (f"{CONV} {{y}} = Mean ({{x}}, {{x}}c, {{x}})", SQUARE),
    "Sub of activations": (f"{CONV} {{y}} = Sub ({{x}}, {{x}}c)", SQUARE),
    "Add that broadcasts": ("{x}g = GlobalAveragePool ({x}) {y} = Add ({x}, {x}g)", {}),
    "Sub that broadcasts": ("{x}g = GlobalAveragePool ({x}) {y} = Sub ({x}g, {x})", {}),
    "Concat": (f"{CONV} {{y}} = Concat <axis = 1> ({{x}}, {{x}}c, {{x}})", {"k": (2, 4, 3, 3)}),
    "Concat of columns": ("{y} = Concat <axis = -1> ({x}, {x})", {}),
    "Concat with constants": (
        "{x}n = Shape <start = 0, end = 1> ({x}) {x}s = Concat <axis = 0> ({x}n, s) {x}k = Expand (k, {x}s) "
        "{y} = Concat <axis = 1> ({x}, {x}k, {x})",
        {"k": [[[-0.1]], [[0.3]]], "s": [2, 6, 6]},
    ),
    "Add a constant that is expanded": (
        "{x}n = Shape ({x}) {x}k = Expand (k, {x}n) {y} = Add ({x}k, {x})",
        {"k": [[[-0.1]], [[0.3]], [[0.2]], [[1.0]]]},
    ),
    "Split": ("{x}a, {x}b = Split <axis = 1, num_outputs = 2> ({x}) {y} = Sub ({x}a, {x}b)", {}),
    "Split into given parts": (
        "{x}a, {x}b = Split <axis = 1> ({x}, s) {y} = Concat <axis = 1> ({x}b, {x}a)",
        {"s": [1, 3]},
    ),
    "Split, uneven": (
        "{x}p = Pad ({x}, p) {x}a, {x}b, {x}d = Split <axis = -1, num_outputs = 3> ({x}p) "
        "{y} = Concat <axis = 3> ({x}d, {x}b)",
        {"p": [0, 0, 0, 0, 0, 0, 0, 1]},
    ),
    "Slice": ("{y} = Slice ({x}, a, b, d, e)", {"a": [1, 5], "b": [4, -7], "d": [1, 3], "e": [1, -2]}),
    "Gather": ("{y} = Gather <axis = 1> ({x}, i)", {"i": [2, 0, 2]}),
    "Gather of one row": ("{y} = Gather <axis = 2> ({x}, i)", {"i": 3}),
    "Gather of a table": ("{y} = Gather <axis = -1> ({x}, i)", {"i": [[0, 5], [-1, 2]]}),
    "Squeeze": ("{x}g = GlobalAveragePool ({x}) {y} = Squeeze ({x}g, s)", {"s": [2, 3]}),
    "Unsqueeze": ("{y} = Unsqueeze ({x}, s)", {"s": [2]}),
    "Expand": ("{x}g = GlobalAveragePool ({x}) {y} = Expand ({x}g, s)", {"s": [1, 4, 6, 6]}),
    "Expand to a tensor": ("{x}g = GlobalAveragePool ({x}) {x}s = Shape ({x}) {y} = Expand ({x}g, {x}s)", {}),
    "Tile": ("{y} = Tile ({x}, s)", {"s": [1, 2, 1, 3]}),
    "Resize, nearest": ('{y} = Resize <mode = "nearest", nearest_mode = "floor"> ({x}, , s)', {"s": [1.0, 1, 2, 2]}),
    "Resize, linear": ('{y} = Resize <mode = "linear"> ({x}, , s)', {"s": [1.0, 1, 2, 1.5]}),
    "Resize, cubic": ('{y} = Resize <mode = "cubic"> ({x}, , s)', {"s": [1.0, 1, 2, 2]}),
    "Resize down": ('{y} = Resize <mode = "linear", antialias = 1, axes = [2, 3]> ({x}, , , s)', {"s": [3, 4]}),
    "Resize to computed sizes": (
        "{x}n = Shape <start = 0, end = 2> ({x}) {x}s = Concat <axis = 0> ({x}n, s) "
        '{y} = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> ({x}, , , {x}s)',
        {"s": [9, 5]},
    ),
    "DepthToSpace": ("{y} = DepthToSpace <blocksize = 2> ({x})", {}),
    "DepthToSpace, CRD": ('{y} = DepthToSpace <blocksize = 2, mode = "CRD"> ({x})', {}),
    "SpaceToDepth": ("{y} = SpaceToDepth <blocksize = 2> ({x})", {}),
    "Pad": ("{y} = Pad ({x}, p)", {"p": [0, 0, 1, 2, 0, 0, 0, 1]}),
    "Pad with a value": ("{y} = Pad ({x}, p, v)", {"p": [0, 1, 1, 2, 0, 0, 0, 1], "v": 0.7}),
    "Pad, reflecting": ('{y} = Pad <mode = "reflect"> ({x}, p)', {"p": [0, 0, 1, 2, 0, 0, 0, 1]}),
    "Pad by the edge": ('{y} = Pad <mode = "edge"> ({x}, p)', {"p": [0, 0, 1, 2, 0, 0, 0, 1]}),
    "Pad, wrapping": ('{y} = Pad <mode = "wrap"> ({x}, p)', {"p": [0, 0, 1, 2, 0, 0, 0, 1]}),
    "Reshape": ("{y} = Reshape ({x}, s)", {"s": [0, 2, -1, 6]}),
    "Reshape by its own shape": (
        "{x}n = Shape <end = 1> ({x}) {x}s = Concat <axis = 0> ({x}n, s) {y} = Reshape ({x}, {x}s)",
        {"s": [-1]},
    ),
    "Transpose": ("{y} = Transpose <perm = [0,2,3,1]> ({x})", {}),
    "channels shuffled": (
        "{x}a = Reshape ({x}, s) {x}b = Transpose <perm = [0,2,1,3,4]> ({x}a) {y} = Reshape ({x}b, t)",
        {"s": [0, 2, 2, 6, 6], "t": [0, 4, 6, 6]},
    ),
    "rolled": (
        "{x}a = Slice ({x}, i, j, o) {x}b = Slice ({x}, j, e, o) {y} = Concat <axis = 3> ({x}b, {x}a)",
        {"i": [0], "j": [2], "e": [6], "o": [3]},
    ),
    "CastLike": ("{y} = CastLike ({x}, k)", {"k": 1.0}),
    "Where of a mask": ("{y} = Where (q, {x}, k)", {"q": [[[True]], [[False]], [[True]], [[True]]], "k": 0.1}),
}


@pytest.mark.parametrize("name", CASES)
def test_follows_the_network(follows, name) -> None:
    snn = follows(*CASES[name])
    ops = Counter(n.op_type for n in snn.graph.node)
    assert ops["FSNeuron"] == 3
    assert not ops.keys() & {"Neg", "Mean", "Sum", "Sub", "Split", "Tile", "Where", "CastLike"}


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["phase", "phase, waiting", "rate", "rate, waiting", "msat"])
@pytest.mark.parametrize("name", CASES)
def test_follows_the_network_in_every_coding(follows, name, coding) -> None:
    follows(*CASES[name], coding)

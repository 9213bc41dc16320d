# SPDX-License-Identifier: Apache-2.0
"""Rows that are parts of samples: factors, outputs, fixed batches."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.frontend.static_shapes import make_shapes_static
from snncc.passes.shared.scale_propagation import factor_after_move
from snncc.runtime import create_session
from tests.passes.time.row_networks import RATE, graph_of

FACTORS = {
    "unfolded": ("float[M,4] a", "[3] s = {-1, 3, 4}", "Reshape (a, s)", (1, 4), (1, 1, 4)),
    "folded": ("float[N,3,4] a", "[2] s = {-1, 4}", "Reshape (a, s)", (1, 1, 4), (1, 4)),
    "folded along parts": ("float[N,3,4] a", "[2] s = {-1, 4}", "Reshape (a, s)", (1, 3, 1), None),
    "joined": ("float[N,4] a", "[2] s = {-1, 8}", "Reshape (a, s)", (1, 4), (1, 8)),
    "mixed": ("float[N,4] a", "[2] s = {4, -1}", "Reshape (a, s)", (1, 4), None),
    "mixed, the same factor": ("float[N,4] a", "[2] s = {4, -1}", "Reshape (a, s)", (1, 1), (1, 1)),
    "beyond the batch": ("float[N,4] a", "[1] s = {7}", "Gather <axis = 0> (a, s)", (1, 4), None),
}


def test_a_batch_that_stays_is_copied(build) -> None:
    body = "net (float[1,L,4] x) => (float[1,A] y) <int64[2] s = {1, -1}> { y = Reshape (x, s) }"
    graph = graph_of(build, body)
    make_shapes_static(graph)
    assert [graph.value(n.inputs[1]).tolist() for n in graph.nodes("Reshape")] == [[0, -1]]


@pytest.mark.parametrize("name", FACTORS)
def test_factors_go_through_rows_that_are_parts_of_samples(build, name) -> None:
    given, constant, op, before, after = FACTORS[name]
    rank = 2 if after is None else len(after)
    shape = ", ".join(f"B{a}" for a in range(rank))
    graph = graph_of(build, f"net ({given}) => (float[{shape}] y) <int64{constant}> {{ y = {op} }}")
    factor = np.arange(1.0, np.prod(before) + 1).reshape(before)
    moved = factor_after_move(graph, graph.nodes()[0], factor)
    assert (None if moved is None else moved.shape) == after


@pytest.mark.parametrize("shape", ["1,20", "1,L"])
def test_outputs_with_other_rows_than_samples_are_declared_so(build, shape) -> None:
    body = f"net (float[{shape}] x) => (float[{shape.removeprefix('1,')}] y) <int64[1] m = {{-1}}> "
    x = np.random.default_rng(0).normal(size=(1, 20)).astype(np.float32)
    model = build(f"{body} {{ r = Relu (x) y = Reshape (r, m) }}", {})
    for coding in (RATE, snncc.FS(K=6), snncc.Phase(T=6, wait=3), snncc.MSAT(T=4)):
        for form in ("folded", "loop"):
            snn = snncc.convert(model, coding, calibration=x, form=form)
            (axis,) = snn.graph.output[0].type.tensor_type.shape.dim
            assert not axis.dim_value
            assert axis.dim_param != snn.graph.input[0].type.tensor_type.shape.dim[0].dim_param or not axis.dim_param
            assert create_session(snn, device="cpu").run(None, {"x": x})[0].shape == (20,)

# SPDX-License-Identifier: Apache-2.0
"""The results of inspection for each coding agree with those of a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest

import snncc
from snncc.coding import CODINGS
from snncc.compiler.feasibility import feasibility
from snncc.errors import SnnccError
from snncc.ir.metadata import metadata_of
from tests.generated import empty_names, hostile_names, subgraphs
from tests.generated.harness import model_of

IMAGE, ROWS = "float[N,2,4,4]", "float[N,3,4]"
SQUARE = "float[4,4] w = {1,0,-1,0,2,0,1,-1,0,0,1,1,-1,1,0,0}"
W = "float[1,4,4] w = {1,0,-1,0,2,0,1,-1,0,0,1,1,-1,1,0,0}, float[1,4,4] r = {0,1,0,0,1,0,0,0,0,0,0,1,0,0,1,0}"

# body, inputs, outputs, constants
NETWORKS: dict[str, tuple[str, str, str, str]] = {
    "mlp": ("a = MatMul (x, w) b = Relu (a) y = MatMul (b, w)", "float[N,4] x", "float[N,4] y", SQUARE),
    "one relu": ("y = Relu (x)", "float[N,4] x", "float[N,4] y", ""),
    "no neuron": ("y = MatMul (x, w)", "float[N,4] x", "float[N,4] y", SQUARE),
    "sigmoid": (
        "a = MatMul (x, w) s = Sigmoid (a) y = MatMul (s, w)",
        "float[N,4] x",
        "float[N,4] y",
        SQUARE,
    ),
    "softmax within": (
        "a = Relu (x) s = Softmax (a) b = MatMul (s, w) y = Relu (b)",
        "float[N,4] x",
        "float[N,4] y",
        SQUARE,
    ),
    "softmax behind": ("a = Relu (x) b = MatMul (a, w) y = Softmax (b)", "float[N,4] x", "float[N,4] y", SQUARE),
    "product": ("a = Relu (x) b = MatMul (x, w) y = Mul (a, b)", "float[N,4] x", "float[N,4] y", SQUARE),
    "silu": ("a = MatMul (x, w) s = Sigmoid (a) b = Mul (a, s) y = Relu (b)", "float[N,4] x", "float[N,4] y", SQUARE),
    "leaky": ("a = MatMul (x, w) b = LeakyRelu (a) y = MatMul (b, w)", "float[N,4] x", "float[N,4] y", SQUARE),
    "layer norm": (
        "a = Relu (x) b = LayerNormalization (a, g) y = Relu (b)",
        "float[N,4] x",
        "float[N,4] y",
        "float[4] g = {1, 2, 1, 1}",
    ),
    "pool": (
        "a = Relu (x) b = MaxPool <kernel_shape = [2,2]> (a) y = GlobalAveragePool (b)",
        f"{IMAGE} x",
        "float[N,2,1,1] y",
        "",
    ),
    "mixes samples": (
        "a = Relu (x) m = ReduceMean (a, z) y = Sub (a, m)",
        "float[N,4] x",
        "float[N,4] y",
        "int64[1] z = {0}",
    ),
    "cumulative sum": ("a = Relu (x) y = CumSum (a, z)", "float[N,4] x", "float[N,4] y", "int64 z = {1}"),
    "top k": ("a = Relu (x) y, i = TopK (a, z)", "float[N,4] x", "float[N,2] y, int64[N,2] i", "int64[1] z = {2}"),
    "transposed output": (
        "a = Relu (x) y = Transpose <perm = [1,0]> (a)",
        "float[N,4] x",
        "float[4,N] y",
        "",
    ),
    "batch of two": (
        "a = Relu (x) b = Reshape (a, s) y = Relu (b)",
        "float[2,4] x",
        "float[2,2,2] y",
        "int64[3] s = {2, 2, 2}",
    ),
    "rnn, time first": (
        "t = Transpose <perm = [1,0,2]> (x) h, l = RNN <hidden_size = 4> (t, w, r) y = Squeeze (l, z)",
        f"{ROWS} x",
        "float[N,4] y",
        f"{W}, int64[1] z = {{0}}",
    ),
    "rnn, batch on axis 1": (
        "h, l = RNN <hidden_size = 4> (x, w, r) s = Squeeze (h, z) y = Relu (s)",
        f"{ROWS} x",
        "float[N,3,4] y",
        f"{W}, int64[1] z = {{1}}",
    ),
    "rnn, every state": (
        "t = Transpose <perm = [1,0,2]> (x) h, l = RNN <hidden_size = 4> (t, w, r) y = Squeeze (h, z)",
        f"{ROWS} x",
        "float[3,N,4] y",
        f"{W}, int64[1] z = {{1}}",
    ),
    "ids": (
        "e = Gather (w, i) m = ReduceMean <keepdims = 0> (e, z) y = Relu (m)",
        "int64[N,5] i",
        "float[N,4] y",
        f"{SQUARE}, int64[1] z = {{1}}",
    ),
    "choice of values": (
        "a = Relu (x) c = Greater (x, a) y = Where (c, x, a)",
        "float[N,4] x",
        "float[N,4] y",
        "",
    ),
    "resize": (
        'a = Relu (x) y = Resize <mode = "nearest"> (a, , s)',
        f"{IMAGE} x",
        "float[N,2,8,8] y",
        "float[4] s = {1,1,2,2}",
    ),
    "unknown op": ("a = Relu (x) y = Det (a)", f"{IMAGE} x", "float[N,2] y", ""),
}


def _network(name: str) -> onnx.ModelProto:
    body, inputs, outputs, constants = NETWORKS[name]
    return model_of(body, inputs, outputs, constants=constants)


def _feeds(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [d.dim_value or 8 for d in kind.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        drawn = rng.integers(0, 4, shape) if dtype.kind == "i" else rng.standard_normal(shape)
        found[value.name] = drawn.astype(dtype)
    return found


def _agrees(model: onnx.ModelProto, feeds: Mapping[str, Any], codings: list[str]) -> None:
    said = feasibility(model)
    assert said.analog.keys() | said.refused.keys() == CODINGS.keys()
    for name in codings:
        made, refused = _converted(model, name, feeds)
        if made is None:
            assert name in said.refused, f"{name} refuses it: {refused}"
            assert said.refused[name].splitlines()[0] == refused.splitlines()[0]
        else:
            assert name in said.analog, f"{name} converts it, in spite of: {said.refused[name]}"
            assert said.analog[name] == metadata_of(made)["snncc.islands"], name


def _converted(model: onnx.ModelProto, coding: str, feeds: Mapping[str, Any]) -> tuple[onnx.ModelProto | None, str]:
    """(The conversion, or None, why not)."""
    try:
        return snncc.convert(model, CODINGS[coding](), calibration=dict(feeds)), ""
    except SnnccError as error:
        return None, str(error)


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name: str) -> None:
    model = _network(name)
    _agrees(model, _feeds(model), list(CODINGS))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", [empty_names, hostile_names, subgraphs])
def test_drawn_networks(kind: Any, seed: int) -> None:
    case = kind.draw(np.random.default_rng(seed))
    _agrees(case.model, case.feeds, list(CODINGS))


@pytest.mark.parametrize("seed", range(4))
def test_drawn_networks_that_do_not_convert(seed: int) -> None:
    model = subgraphs.draw_refused(np.random.default_rng(seed)).model
    _agrees(model, _feeds(model), list(CODINGS))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_many_drawn_networks(seed: int) -> None:
    kind = [empty_names, hostile_names, subgraphs][seed % 3]
    case = kind.draw(np.random.default_rng(100 + seed))
    _agrees(case.model, case.feeds, list(CODINGS))

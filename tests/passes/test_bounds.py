# SPDX-License-Identifier: Apache-2.0
"""How the forms of bounds are chosen, and bounds that have no finite result."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.analysis.intervals import interval_of
from snncc.calibration.bounds_seen import bound_forms, head_of
from snncc.coding.bound_forms import BoundForm, form_of, words_of
from snncc.errors import ModelError
from snncc.frontend.import_model import import_model
from snncc.ir.graph import Graph
from tests.passes.bound_networks import network


def _chosen(build, body: str, x: np.ndarray | None) -> BoundForm:
    """The form of the one bound of a network, for data `x`."""
    return next(iter(bound_forms(import_model(build(network(body), {})), x, None, None).values()), BoundForm())


@pytest.mark.parametrize("op", ["Max", "Min"])
@pytest.mark.parametrize("second", [0.25, np.nan])
def test_bounds_with_a_nan_among_them_are_no_interval(build, op, second) -> None:
    model = build(network(f"a = {op} (x, each)"), {})
    each = next(t for t in model.graph.initializer if t.name == "each")
    each.CopyFrom(numpy_helper.from_array(np.array([-0.5, second, 0.0, 2.0], np.float32), "each"))
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    assert (interval_of(graph, graph.nodes(op)[0]) is None) == np.isnan(second)


@pytest.mark.parametrize(
    ("body", "size", "form"),
    [
        ("a = Clip (x, minus, half)", 0.005, BoundForm(keeps=True, no_low=True, no_high=True)),
        ("a = Clip (x, minus, half)", 0.1, BoundForm(keeps=True)),
        ("a = Clip (x, minus, half)", 1.0, BoundForm()),
        ("a = Clip (x, minus, far)", 1.0, BoundForm(no_high=True)),
        ("a = Clip (x, minus, far)", 0.1, BoundForm(keeps=True, no_high=True)),
        ("c = Mul (x, half) d = Sub (c, far) a = Max (c, d)", 1.0, BoundForm(keeps=True)),
        ("c = Mul (x, half) d = Sub (c, far) a = Max (d, c)", 1.0, BoundForm()),
        ("a = Max (x, each)", 100.0, BoundForm()),
    ],
)
def test_forms_follow_the_values(build, body, size, form) -> None:
    x = (size * np.random.default_rng(0).normal(size=(200, 4))).clip(-4 * size, 4 * size).astype(np.float32)
    assert _chosen(build, body, x) == form


def test_noise_of_unknown_size_leaves_bounds_in(build) -> None:
    assert _chosen(build, "c = Mul (far, one) a = Clip (x, minus, c)", None) == BoundForm(keeps=True, no_high=True)
    assert not _chosen(
        build,
        "c = Mul (half, half) d = Add (c, far) e = Mul (d, half) f = Mul (e, half) "
        "g = Mul (f, half) h = Mul (g, half) a = Clip (x, minus, h)",
        None,
    ).no_high


def test_forms_are_written_down() -> None:
    forms = [BoundForm(), BoundForm(keeps=True), BoundForm(True, no_low=True, no_high=True)]
    assert [form_of(words_of(f)) for f in forms] == forms
    assert form_of("damaged") == BoundForm()


def test_the_head_of_a_stream_comes_again() -> None:
    head, stream = head_of(iter(range(5000)))
    assert list(head)[:3] == [0, 1, 2]
    assert list(stream) == list(range(5000))


@pytest.mark.parametrize(
    "bound", ["Max (x, plus)", "Min (x, minus)", "Clip (x, plus)", "Max (x, nan)", "Clip (x, nan)"]
)
def test_results_that_are_infinite_are_refused(build, bound) -> None:
    text = f"net (float[N,4] x) => (float[N,4] y) {{ a = {bound} b = Relu (x) y = Add (a, b) }}"
    values = {"plus": np.inf, "minus": -np.inf, "nan": np.nan}
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{text}')
    model.graph.initializer.extend(numpy_helper.from_array(np.float32(v), k) for k, v in values.items() if k in bound)
    with pytest.raises(ModelError, match="NaN or infinite"):
        import_model(model)


def test_bounds_behind_a_lone_batchnorm_convert_without_data() -> None:
    """Noise goes through a copy whose BatchNormalizations normalise it, in which their outputs have other names."""
    bn = "n = BatchNormalization (x, factor, zero, zero, one) m = Max (n, low) y = Min (m, high)"
    constants = (
        "float[1] one = {1}, float[1] factor = {-1.4}, float[1] zero = {0}, float low = {-0.5}, float high = {0.5}"
    )
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g (float[N, 1, 4] x) => (float[N, 1, 4] y) <{constants}> {{ {bn} }}'
    )
    assert snncc.convert(model, snncc.Phase(T=8, Q=1.5)).graph.node

# SPDX-License-Identifier: Apache-2.0
"""spell-bounds, bounds-to-relus, linear-pieces and settle-masks, and how the forms of bounds are chosen."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.analysis.intervals import interval_of
from snncc.calibration.bounds_seen import bound_forms, head_of
from snncc.coding.bound_forms import BoundForm, form_of, words_of
from snncc.errors import ModelError
from snncc.frontend.import_model import import_model
from snncc.ir.graph import Graph
from snncc.passes.canonicalise.bounds_to_relu import BoundsToRelu
from snncc.passes.canonicalise.settle_masks import SettleMasks
from snncc.passes.canonicalise.spell_bounds import SpellBounds
from snncc.passes.legalise.linear_pieces import LinearPieces

CONSTANTS = """<float zero = {0.0}, float half = {0.5}, float minus = {-0.5}, float one = {1.0}, float far = {1e4},
    float lowest = {-3.4e38}, float most = {3.4e38}, float[4] each = {-0.5, 0.25, 0.0, 2.0},
    float[1,1,4] wide = {1, 2, 3, 4}, float below = {-1.0}, float[4] upper = {0.5, 0.25, -1.0, 3.0}>"""
USES = "b = Add (a, one) y = Relu (b)"

SPELLED = {
    "no bounds": ("a = Clip (x)", []),
    "bounds that do nothing": ("a = Clip (x, lowest, most)", []),
    "one that does nothing": ("a = Clip (x, lowest, half)", ["Min"]),
    "a chain": ("c = Max (x, minus) a = Min (c, half)", ["Clip"]),
    "a chain of four": (
        "c = Clip (x, minus, half) d = Min (c, one) e = Max (d, minus) a = Clip (e, zero, most)",
        ["Clip"],
    ),
    "from 0": ("a = Clip (x, zero, most)", ["Relu"]),
    "several": ("c = Abs (x) a = Max (x, minus, c, zero)", ["Abs", "Max", "Relu"]),
    "a single one": ("a = Max (x)", []),
    "the wrong way round": ("a = Clip (x, half, minus)", ["Mul", "Add"]),
    "of a ReLU": ("c = Relu (x) a = Clip (c, minus, half)", ["Relu", "Min"]),
    "of a ReLU, from below": ("c = Relu (x) a = Max (c, minus)", ["Relu"]),
    "computed": ("c = ReduceMax <keepdims = 0> (x) a = Clip (x, minus, c)", ["ReduceMax", "Max", "Min"]),
}
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


def _network(body: str) -> str:
    return f"net (float[N,4] x) => (float[{'A,B'}] y) {CONSTANTS[:-1]}, int64[1] axis = {{0}}> {{ {body} {USES} }}"


def _kinds(names: list[str]) -> list[str]:
    return [n for n in names if n not in ("Add", "Mul", "Neg", "Abs", "ReduceSum")]


@pytest.mark.parametrize("name", SPELLED)
def test_bounds_are_spelled_once(build, apply, ops, name) -> None:
    body, left = SPELLED[name]
    count, after = apply(SpellBounds(), build(_network(body), {}))
    assert count >= 1
    assert ops(after) == [*left, "Add", "Relu"]


@pytest.mark.parametrize(
    "body", ["a = Clip (x, minus, half)", "c = Max (x, each) a = Min (c, upper)", "a = Max (x, far)"]
)
def test_bounds_in_good_spelling_stay(build, apply, body) -> None:
    assert apply(SpellBounds(), build(_network(body), {}))[0] == 0


@pytest.mark.parametrize("op", ["Max", "Min"])
@pytest.mark.parametrize("second", [0.25, np.nan])
def test_bounds_with_a_nan_among_them_are_no_interval(build, op, second) -> None:
    model = build(_network(f"a = {op} (x, each)"), {})
    each = next(t for t in model.graph.initializer if t.name == "each")
    each.CopyFrom(numpy_helper.from_array(np.array([-0.5, second, 0.0, 2.0], np.float32), "each"))
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    assert (interval_of(graph, graph.nodes(op)[0]) is None) == np.isnan(second)


def test_the_shape_of_several_bounds_is_kept(build) -> None:
    """The first of them is shorter than the result."""
    graph = Graph.from_proto(build(_network("c = ReduceMax (x, axis) a = Max (c, minus, x)"), {}))
    graph.infer_shapes()
    before = graph.shape(graph.nodes("Max")[0].outputs[0])
    assert SpellBounds().run(graph) >= 1
    assert graph.shape(graph.nodes("Add")[0].inputs[0]) == before
    assert len(before) == 2


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_bounds_become_relus(build, apply, ops, name, keeps) -> None:
    body, coded, kept = FORMS[name]
    model = build(_network(body), {})
    forms = {n.name: BoundForm(keeps) for n in Graph.from_proto(model).nodes()}
    count, after = apply(BoundsToRelu(forms), model)
    assert count == 1
    expected = kept if keeps else coded
    assert expected is None or Counter(_kinds(ops(after))) == Counter([*expected, "Relu"])


def test_a_relus_ceiling_stays(build, apply, ops) -> None:
    model = build(_network("c = Relu (x) d = Min (c, half) e = Clip (x, zero, one) a = Add (d, e)"), {})
    count, after = apply(BoundsToRelu(), model)
    assert (count, Counter(ops(after))["Clip"]) == (0, 1)


def test_bounds_left_out_are_gone(build, apply, ops) -> None:
    model = build(_network("a = Clip (x, lowest, far)"), {})
    name = next(n.name for n in Graph.from_proto(model).nodes("Clip"))
    _, after = apply(BoundsToRelu({name: BoundForm(keeps=True, no_low=True, no_high=True)}), model)
    assert _kinds(ops(after)) == ["Relu"]


def _chosen(build, body: str, x: np.ndarray | None) -> BoundForm:
    """The form of the one bound of a network, for data `x`."""
    return next(iter(bound_forms(import_model(build(_network(body), {})), x, None, None).values()), BoundForm())


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


PIECES = {
    "HardSigmoid": ("a = HardSigmoid (x)", ["Clip"]),
    "of another slope": ("a = HardSigmoid <alpha = -1.5, beta = 0.1> (x)", ["Clip"]),
    "a sixth": ("a = HardSigmoid <alpha = 0.16666667> (x)", ["Clip"]),
    "HardSwish": ("c = HardSigmoid <alpha = 0.16666667> (x) a = Mul (c, x)", ["HardSwish"]),
    "a gate": ("c = HardSigmoid <alpha = 0.2> (x) a = Mul (c, x)", ["Clip"]),
    "soft Shrink": ("a = Shrink <lambd = 0.3, bias = 0.3> (x)", ["Relu", "Relu"]),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_become_relus(build, apply, ops, name) -> None:
    body, left = PIECES[name]
    count, after = apply(LinearPieces(), build(_network(body), {}))
    assert count == 1
    assert _kinds(ops(after)) == [*left, "Relu"]


def test_a_shrink_that_jumps_stays(build, apply, skips) -> None:
    assert apply(LinearPieces(), build(_network("a = Shrink <lambd = 0.3> (x)"), {}))[0] == 0
    assert "it jumps" in skips()


MASKED = "<float[4] m = {0, 0, 0, 0}, float half = {0.5}, float lowest = {-3.4e38}>"
MASKS = {
    "in front of a ReLU": ("a = Add (x, m) y = Relu (a)", ["Mul", "Add", "Relu"]),
    "scaled": ("a = Add (x, m) y = Mul (a, half)", ["Mul", "Add"]),
    "in a sum": ("b = Relu (x) a = Add (m, x) y = Add (a, b)", ["Relu", "Add", "Add"]),
    "in a sum with a constant": ("a = Add (x, m) y = Add (a, half)", ["Add"]),
    "kept finite": ("a = Add (x, m) y = Max (a, lowest)", ["Add"]),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_settled(build, apply, ops, name) -> None:
    body, left = MASKS[name]
    model = build(f"net (float[N,4] x) => (float[N,4] y) {MASKED} {{ {body} }}", {})
    infinite = np.array([0, -np.inf, 0.5, -np.inf], np.float32)
    model.graph.initializer[0].ClearField("float_data")
    model.graph.initializer[0].raw_data = infinite.tobytes()
    count, after = apply(SettleMasks(), model, equivalent=False)
    assert count == 1
    assert ops(after) == left
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    for a, b in zip(*(cpu_session(m).run(None, {"x": x}) for m in (model, after)), strict=True):
        np.testing.assert_array_equal(a, b)


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

# SPDX-License-Identifier: Apache-2.0
"""States and scalars as inputs, and networks for one sample that drop the batch axis."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.compiler.feasibility import feasibility
from snncc.errors import CalibrationError, UnsupportedShapeError
from snncc.frontend.import_model import import_model
from snncc.frontend.states import laid_out, with_samples_first

CODING = snncc.FS(K=16)
LSTM = """g (float[N, 5, 4] x, float[1, {n}, 6] h, float[1, {n}, 6] c, int64 rate)
    => (float[N, 3] y, float[1, N, 6] hn, float[1, N, 6] cn) {{
    t = Transpose <perm = [1, 0, 2]> (x) a, hn, cn = LSTM <hidden_size = 6> (t, W, R, B, , h, c)
    s = Squeeze (hn, zero) k = Equal (rate, usual) f = Cast <to = 1> (k) g = Add (s, f) r = Relu (g)
    y = MatMul (r, U) }}"""
WEIGHTS = {"W": (1, 24, 4), "R": (1, 24, 6), "B": (1, 48), "U": (6, 3), "zero": np.array([0]), "usual": np.int64(16000)}


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)


def close(want: np.ndarray, found: np.ndarray, cosine: float = 0.999) -> None:
    assert found.shape == want.shape
    a, b = want.ravel().astype(np.float64), found.ravel().astype(np.float64)
    assert a @ b >= cosine * np.linalg.norm(a) * np.linalg.norm(b)


@pytest.fixture(scope="module")
def feeds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    states = {k: rng.normal(0, 0.4, (1, 24, 6)).astype(np.float32) for k in "hc"}
    return {"x": rng.normal(0, 1, (24, 5, 4)).astype(np.float32), **states, "rate": np.array(16000)}


@pytest.mark.parametrize("axis", ["N", "M"], ids=["named", "not named"])
@pytest.mark.parametrize("given", ["all", "one", "none"])
def test_states_keep_their_shape(network, feeds, axis, given) -> None:
    model = network(LSTM.format(n=axis), **WEIGHTS)
    calibration = {"all": feeds, "one": feeds | {k: feeds[k][:, :1] for k in "hc"}, "none": None}[given]
    snn = snncc.convert(model, CODING, calibration=calibration)
    for before, after in zip(model.graph.input, snn.graph.input, strict=True):
        assert (before.name, before.type) == (after.name, after.type)
    for want, found in zip(run(model, feeds), run(snn, feeds), strict=True):
        if given == "none":  # noise knows nothing of the rate
            assert found.shape == want.shape
        else:
            close(want, found, 0.998)


ONE_STATE = """g (float[{n}, 5, 4] x, float[2, 1, 6] h) => (float[{n}, 3] y) {{
    t = Transpose <perm = [1, 0, 2]> (x) {layer} a, hn = GRU <hidden_size = 6> (t, W, R, B, , s)
    f = Squeeze (hn, zero) r = Relu (f) y = MatMul (r, U) }}"""
SLICED = "s = Slice (h, one, two, zero)"
GATHERED = "g = Gather <axis = 0> (h, first) s = Unsqueeze (g, zero)"
GRU = {"W": (1, 18, 4), "R": (1, 18, 6), "B": (1, 36), "U": (6, 3), "zero": [0], "one": [1], "two": [2], "first": 1}


@pytest.mark.parametrize("coding", [CODING, snncc.Rate(T=64)], ids=lambda c: c.name)
@pytest.mark.parametrize(("n", "layer"), [("N", SLICED), ("1", SLICED), ("N", GATHERED)])
def test_the_state_of_a_single_sample_is_one_too(network, coding, n, layer) -> None:
    """Exported with a batch of 1: [layers, 1, units], of which each recurrent node takes its own."""
    model = network(ONE_STATE.format(n=n, layer=layer), **GRU)
    rng = np.random.default_rng(5)
    samples = [
        {"x": rng.normal(0, 1, (1, 5, 4)).astype(np.float32), "h": rng.normal(0, 0.4, (2, 1, 6)).astype(np.float32)}
        for _ in range(24)
    ]
    snn = snncc.convert(model, coding, calibration=samples)
    assert [i.type for i in snn.graph.input] == [i.type for i in model.graph.input]
    want, found = (np.concatenate([run(m, s)[0] for s in samples]) for m in (model, snn))
    close(want, found, 0.998)


@pytest.mark.parametrize("coding", [snncc.Phase(T=48, Q=1.12), snncc.Rate(T=64), snncc.Phase(T=48, Q=1.12, wait=40)])
def test_a_number_for_all_samples(network, coding) -> None:
    model = network(
        "g (float[N, 4] x, float s) => (float[N, 3] y) { r = Relu (x) z = Mul (r, s) y = MatMul (z, W) }", W=(4, 3)
    )
    feeds = {"x": np.random.default_rng(1).normal(0, 1, (24, 4)).astype(np.float32), "s": np.array(0.7, np.float32)}
    close(run(model, feeds)[0], run(snncc.convert(model, coding, calibration=feeds), feeds)[0], 0.995)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": np.array([1, 2])}, "input 'rate' is one number, but the data has 2. Give one"),
        ({"h": np.zeros((24, 6), np.float32)}, r"input 'h' is \[1, 'N', 6\], but the data is \[24, 6\]"),
    ],
)
def test_data_that_is_no_state(network, feeds, change, message) -> None:
    with pytest.raises(CalibrationError, match=message):
        snncc.convert(network(LSTM.format(n="N"), **WEIGHTS), CODING, calibration=feeds | change)


def test_other_networks_are_left_alone(network) -> None:
    model = network("g (float[N, 4] x, float[N, 4] z) => (float[N, 4] y) { a = Add (x, z) y = Relu (a) }")
    graph = import_model(model)
    assert with_samples_first(graph) == []
    data = [np.zeros((2, 4), np.float32)]
    assert laid_out(data, []) is data


HEADS = dict.fromkeys("QKVO", (8, 8)) | {"h": np.array([5, 2, 4]), "b": np.array([1, 5, 8]), "half": np.float32(0.5)}
ATTENTION = """g (float[1, 5, 8] x) => (float[1, 5, 8] y) {
    q = MatMul (x, Q) k = MatMul (x, K) v = MatMul (x, V) qr = Reshape (q, h) kr = Reshape (k, h) vr = Reshape (v, h)
    qt = Transpose <perm = [1, 0, 2]> (qr) kt = Transpose <perm = [1, 2, 0]> (kr) vt = Transpose <perm = [1, 0, 2]> (vr)
    s = MatMul (qt, kt) t = Mul (s, half) p = Softmax (t) o = MatMul (p, vt) ot = Transpose <perm = [1, 0, 2]> (o)
    ob = Reshape (ot, b) r = Relu (ob) y = MatMul (r, O) }"""
SHUFFLE = """g (float[1, 3, 4, 4] x) => (float[1, 6] y) {
    c = Conv <pads = [1, 1, 1, 1]> (x, W) r = Relu (c) a = Reshape (r, apart) t = Transpose <perm = [1, 0, 2]> (a)
    b = Reshape (t, whole) d = Conv <group = 2> (b, V) e = Relu (d) g = GlobalAveragePool (e) y = Flatten (g) }"""
GROUPS = {"W": (6, 3, 3, 3), "V": (6, 3, 1, 1), "apart": np.array([2, 3, 16]), "whole": np.array([1, 6, 4, 4])}
SQUEEZE = """g (float[1, 5, 8] x) => (float[1, 5, 3] y) {
    s = Squeeze (x, zero) m = MatMul (s, W) c = Slice (m, zero, end, zero) r = Relu (c) d = Concat <axis = 0> (r, r)
    e = Slice (d, zero, end, zero) u = Unsqueeze (e, zero) y = MatMul (u, V) }"""
CUT = {"W": (8, 6), "V": (6, 3), "zero": np.array([0]), "end": np.array([5])}


@pytest.mark.parametrize("coding", [CODING, snncc.Rate(T=64), snncc.Phase(T=48, Q=1.12, wait=40)], ids=lambda c: c.name)
@pytest.mark.parametrize(
    ("body", "weights"), [(ATTENTION, HEADS), (SHUFFLE, GROUPS), (SQUEEZE, CUT)], ids=["heads", "shuffle", "squeeze"]
)
def test_the_batch_axis_is_kept_where_a_network_for_one_sample_drops_it(network, coding, body, weights) -> None:
    model = network(body, **weights)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(1).normal(0, 1, (24, *shape[1:])).astype(np.float32)
    want = np.concatenate([run(model, {"x": x[i : i + 1]})[0] for i in range(24)])
    close(want, run(snncc.convert(model, coding, calibration=x), {"x": x})[0], 0.995)


PLACES = """g (float[1, 5, 8] x) => (float[1, 5, 8] y) {
    t = Transpose <perm = [1, 0, 2]> (x) q = MatMul (t, Q) a = Relu (q) k = Reshape (a, h)
    r = Transpose <perm = [1, 0, 2]> (k) c = Transpose <perm = [1, 2, 0]> (k) s = MatMul (r, c) p = Softmax (s)
    o = MatMul (p, r) u = Transpose <perm = [1, 0, 2]> (o) v = Reshape (u, b) e = Add (v, P) f = Relu (e)
    y = MatMul (f, O) }"""
GIVEN = {"Q": (8, 8), "O": (8, 8), "P": (5, 8), "h": [5, 2, 4], "b": [1, 5, 8]}


@pytest.mark.parametrize("given", [True, False], ids=["data", "no data"])
def test_places_in_front_of_the_only_sample(network, given) -> None:
    """Attention works on all rows, of which time steps would be some: refused, and never an error of onnxruntime."""
    model = network(PLACES, **GIVEN)
    x = np.random.default_rng(1).normal(0, 1, (6, 1, 5, 8)).astype(np.float32)
    samples = [{"x": value} for value in x] if given else None
    with pytest.raises(UnsupportedShapeError, match=r"rows do not fit together.*export with a dynamic batch"):
        snncc.convert(model, snncc.Rate(T=16), calibration=samples)
    assert list(feasibility(model).refused) == ["rate", "msat"]
    if given:
        close(run(model, samples[0])[0], run(snncc.convert(model, CODING, calibration=samples), samples[0])[0])


@pytest.mark.parametrize("coding", [snncc.FS(K=16), snncc.Rate(T=64), snncc.Phase(T=24, Q=1.2, wait=16)])
def test_rows_of_a_network_for_one_sample_need_be_no_samples(network, coding) -> None:
    """What comes out has no batch axis, so that none can be kept."""
    body = "q = MatMul (x, Q) a = Reshape (q, h) r = Relu (a) y = Reshape (r, b)"
    model = network(
        f"g (float[1, 5, 8] x) => (float[8, 5] y) {{ {body} }}", Q=(8, 8), h=np.array([5, 2, 4]), b=np.array([8, 5])
    )
    x = np.random.default_rng(1).normal(0, 1, (1, 5, 8)).astype(np.float32)
    snn = snncc.convert(model, coding, calibration=x)
    close(run(model, {"x": x})[0], run(snn, {"x": x})[0], 0.995)

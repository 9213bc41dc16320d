# SPDX-License-Identifier: Apache-2.0
"""Networks with recurrent layers inside, as exporters write them, in every coding and form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

import snncc
import snncc.runtime
from snncc.analysis.cpu_session import cpu_session
from snncc.coding.fs_tables.neuron import spikes
from snncc.coding.fs_tables.tables import table
from snncc.frontend.import_model import import_model
from snncc.ir.metadata import metadata_of
from snncc.tools.check.run import run_checks

CODINGS = {
    "fs": snncc.FS(K=16),
    "phase": snncc.Phase(T=24, Q=1.2),
    "phase-wait": snncc.Phase(T=24, Q=1.2, wait=12),
    "rate": snncc.Rate(T=64),
    "rate-wait": snncc.Rate(T=32, wait=32),
    "msat": snncc.MSAT(T=64),
}
VALUES, TOKENS = "net (float[N,7,5] x) => (float[N,4] y) {", "net (int64[N,7] x) => (float[N,4] y) {"
TIME_FIRST = " t = Transpose <perm = [1, 0, 2]> (x) "
END = " z = Gemm (p, V) q = Relu (z) y = Gemm (q, U) }"
LSTM = "LSTM <hidden_size = 6>"

# By name: the text of a network, and weights that it does not share with others: (op, sides, features) of a node.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "tokens": (
        f"{TOKENS} e = Gather (T, x) t = Transpose <perm = [1, 0, 2]> (e) "
        f"s, h = {LSTM} (t, W, R, B) p = Squeeze (h, o)",
        {"": ("LSTM", 1, 5)},
    ),
    "dense-before": (
        f"{VALUES} a = MatMul (x, M) b = Relu (a) t = Transpose <perm = [1, 0, 2]> (b) s = GRU <hidden_size = 6> "
        "(t, W, R, B) s2 = Squeeze (s, i) p = ReduceMean <keepdims = 0> (s2, o)",
        {"": ("GRU", 1, 5), "M": (5, 5)},
    ),
    "dense-between": (
        f"{VALUES} {TIME_FIRST} s = RNN <hidden_size = 6> (t, W, R, B) s2 = Squeeze (s, i) m = MatMul (s2, M) "
        "a = Add (m, b) r = Relu (a) u, h = GRU <hidden_size = 6> (r, W2, R2, B2) p = Squeeze (h, o)",
        {"": ("RNN", 1, 5), "2": ("GRU", 1, 5), "M": (6, 5), "b": (5,)},
    ),
    "stacked": (
        f'{VALUES} {TIME_FIRST} s = LSTM <hidden_size = 3, direction = "bidirectional"> (t, W, R, B) '
        "s2 = Transpose <perm = [0, 2, 1, 3]> (s) s3 = Reshape (s2, join) "
        'u, h = LSTM <hidden_size = 3, direction = "bidirectional"> (s3, W2, R2, B2) '
        "h2 = Transpose <perm = [1, 0, 2]> (h) p = Flatten (h2)",
        {"": ("LSTM", 2, 5), "2": ("LSTM", 2, 6)},
    ),
    "batch-first": (
        f"{VALUES} s, h = LSTM <hidden_size = 6, layout = 1> (x, W, R, B) p = Squeeze (h, i)",
        {"": ("LSTM", 1, 5)},
    ),
    "batch-of-one": (
        f"{VALUES} {TIME_FIRST} s, h = {LSTM} (t, W, R, B, , h0, c0) p = Squeeze (h, o)".replace("[N,", "[1,"),
        {"": ("LSTM", 1, 5), "h0": (1, 1, 6), "c0": np.zeros((1, 1, 6), np.float32)},
    ),
    "states-of-zeros": (
        f"{VALUES} n = Shape <start = 0, end = 1> (x) c = Concat <axis = 0> (i, n, six) h0 = Expand (nil, c) "
        f"{TIME_FIRST} s, h = GRU <hidden_size = 6> (t, W, R, B, , h0) p = Squeeze (h, o)",
        {"": ("GRU", 1, 5), "six": np.array([6]), "nil": np.zeros((1, 1, 1), np.float32)},
    ),
    "handed-on-states": (
        f"{VALUES} {TIME_FIRST} s, h, c = {LSTM} (t, W, R, B) s2, h2 = {LSTM} (t, W2, R2, B2, , h, c) "
        "p = Squeeze (h2, o)",
        {"": ("LSTM", 1, 5), "2": ("LSTM", 1, 5)},
    ),
    "dense-state": (
        f"{VALUES} f = Slice (x, o, i, i) f1 = Squeeze (f, i) g = Gemm (f1, M) r = Relu (g) h0 = Unsqueeze (r, o) "
        f"{TIME_FIRST} s, h = GRU <hidden_size = 6> (t, W, R, B, , h0) p = Squeeze (h, o)",
        {"": ("GRU", 1, 5), "M": (5, 6)},
    ),
    "state-that-leaves": (
        f"{VALUES} {TIME_FIRST} s, h = {LSTM} (t, W, R, B) p = Squeeze (h, o)".replace("] y", "] y, float[1,N,6] h"),
        {"": ("LSTM", 1, 5)},
    ),
    "last-step": (
        f"{VALUES} {TIME_FIRST} s = GRU <hidden_size = 6> (t, W, R, B) s2 = Squeeze (s, i) "
        "b = Transpose <perm = [1, 0, 2]> (s2) p = Gather <axis = 1> (b, end)",
        {"": ("GRU", 1, 5), "end": np.array(-1)},
    ),
    "mean-of-words": (
        f"{TOKENS} e = Gather (T, x) pad = Equal (x, none) keep = Not (pad) k = Cast <to = 1> (keep) "
        "k3 = Unsqueeze (k, two) t = Transpose <perm = [1, 0, 2]> (e) s = GRU <hidden_size = 6> (t, W, R, B) "
        "s2 = Squeeze (s, i) b = Transpose <perm = [1, 0, 2]> (s2) m = Mul (b, k3) "
        "sum = ReduceSum <keepdims = 0> (m, i) count = ReduceSum <keepdims = 0> (k3, i) p = Div (sum, count)",
        {"": ("GRU", 1, 5), "none": np.array(0), "two": np.array([2])},
    ),
    "mask": (
        f"{TOKENS} e = Gather (T, x) pad = Equal (x, none) keep = Not (pad) k = Cast <to = 6> (keep) "
        "len = ReduceSum <keepdims = 0> (k, i) t = Transpose <perm = [1, 0, 2]> (e) "
        "s, h = GRU <hidden_size = 6> (t, W, R, B, len) p = Squeeze (h, o)",
        {"": ("GRU", 1, 5), "none": np.array(0)},
    ),
}


@pytest.fixture
def build(network, weights) -> Callable[[str], onnx.ModelProto]:
    """`build(name)`: one of `NETWORKS`."""

    def make(name: str) -> onnx.ModelProto:
        body, own = NETWORKS[name]
        given: dict[str, Any] = {
            "o": np.array([0]),
            "i": np.array([1]),
            "join": np.array([0, 0, -1]),
            "V": (6, 8),
            "U": (8, 4),
        }
        given |= {"T": (20, 5)}
        for key, value in own.items():
            if isinstance(value, tuple) and isinstance(value[0], str):
                op, sides, features = value
                made = weights(op, sides, features=features, units=6 // sides, seed=len(key))
                given |= {f"{letter}{key}": array for letter, array in made.items()}
            else:
                given[key] = value
        return network(body + END, **{k: v for k, v in given.items() if _reads(body + END, k)})

    return make


def _reads(body: str, name: str) -> bool:
    return any(f"{before}{name}{after}" in body for before in "( " for after in ",)")


def data(model: onnx.ModelProto, count: int = 48) -> np.ndarray:
    rng = np.random.default_rng(0)
    tokens = model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64
    return rng.integers(0, 20, (count, 7)) if tokens else rng.normal(0, 1, (count, 7, 5)).astype(np.float32)


def answers(model: onnx.ModelProto, samples: np.ndarray) -> np.ndarray:
    return snncc.runtime.create_session(model, device="cpu").run(None, {"x": samples})[0]


OTHERS = [
    ("tokens", "phase"),
    ("mask", "msat"),
    ("mean-of-words", "rate"),
    ("state-that-leaves", "rate"),
    ("dense-before", "rate"),
    ("stacked", "msat"),
    ("dense-state", "phase"),
]


@pytest.mark.parametrize(("name", "coding"), [*((name, "fs") for name in NETWORKS), *OTHERS])
def test_network_comes_near_its_source(build, cosine, name, coding) -> None:
    model = build(name)
    samples = data(model)
    snn = snncc.convert(model, CODINGS[coding], calibration=samples)
    exact, found = answers(import_model(model).to_proto(), samples), answers(snn, samples)
    assert cosine(exact, found) >= (0.998 if coding == "fs" else 0.99)
    assert not {n.op_type for n in snn.graph.node} & {"LSTM", "GRU", "RNN"}


@pytest.mark.parametrize(
    ("name", "coding"), [*(("dense-between", coding) for coding in CODINGS), ("mask", "rate"), ("mask", "phase-wait")]
)
def test_forms_are_equal(build, name, coding) -> None:
    model = build(name)
    samples = data(model, 16)
    found = []
    for form in ("folded", "loop", "step"):
        snn = snncc.convert(model, CODINGS[coding], calibration=samples, form=form)
        one_by_one = form == "step"
        found.append(snncc.Stream(snn).run(samples)[0]["y"] if one_by_one else answers(snn, samples))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-4 * np.abs(found[0]).max())


def test_tiled_currents_of_a_layer_with_the_batch_on_axis_1_in_all_forms(build) -> None:
    model = build("dense-state")
    samples = data(model, 16)
    folded, loop = (snncc.convert(model, snncc.Rate(T=16), calibration=samples, form=f) for f in ("folded", "loop"))
    np.testing.assert_allclose(answers(loop, samples), answers(folded, samples), atol=1e-4)
    found = snncc.evaluate(loop, model, samples)
    assert found.energy.analog_macs == snncc.evaluate(folded, model, samples).energy.analog_macs


def test_gates_are_counted_and_described(build) -> None:
    model = build("stacked")
    samples = data(model, 16)
    snn = snncc.convert(model, CODINGS["phase"], calibration=samples)
    recorded = metadata_of(snn)["snncc.recurrent"]
    assert [(e["op"], e["K"], len(e["gates"])) for e in recorded.values()] == [("LSTM", 16, 5)] * 4
    assert set(recorded) == {"s_forward_steps", "s_reverse_steps", "u_forward_steps", "u_reverse_steps"}
    became = metadata_of(snn)["snncc.outcome"]["neurons"]
    assert {"from": "LSTM gate", "to": "FSNeuron", "layers": 4 * 5} in became
    found = snncc.evaluate(snn, model, samples)
    assert found.gates == 4 * 5 * 3  # directions, gates, units
    gates = {x.name: x for x in found.layers if x.gate}
    assert set(gates) == {gate for entry in recorded.values() for gate in entry["gates"]}
    assert 0 < max(x.peak for x in gates.values()) <= 7 * 16  # steps of the sequence, of a gate
    assert found.neurons == 2 * 3 + 8  # what codes the last states, and the ReLUs
    assert found.latency_steps == CODINGS["phase"].latency(2) + 2 * 7 * 2 * 16  # layers, steps, one gate after another
    assert found.steps is not None
    assert found.steps.interval == 7 * 2 * 16  # a loop is through with the sequence before it takes another
    assert found.with_memory(reuse=True) is None
    spent = {x["name"]: x["snn_synaptic"] for x in found.to_json()["identity_layers"] if x["op"] == "gate"}
    assert spent == {name: layer.total for name, layer in gates.items()}
    assert found.energy.ann_macs == 2 * 7 * 12 * (5 + 3) + 2 * 7 * 12 * (6 + 3) + 6 * 8 + 8 * 4
    failed = [r for r in run_checks(snn, model, samples) if not r.passed]
    assert failed == []


def test_count_of_a_gate_is_what_its_tables_say(network, weights) -> None:
    """With all weights 0, each gate sees 0 at every step."""
    given = {name: 0 * value for name, value in weights("RNN").items()}
    body = f"{VALUES} {TIME_FIRST} s, h = RNN <hidden_size = 6> (t, W, R, B) p = Squeeze (h, o)"
    model = network(body + END, o=np.array([0]), V=(6, 8), U=(8, 4), **given)
    samples = data(model, 4)
    found = snncc.evaluate(snncc.convert(model, snncc.FS(K=16), calibration=samples), model, samples)
    tables = table("tanh", 16)
    each = spikes(np.zeros(1), *(np.asarray(t, np.float32) for t in (tables.T, tables.h))).sum()
    assert each > 0
    assert found.spikes_per_gate == 7 * each


def test_gates_may_be_coarser(build, cosine) -> None:
    model = build("tokens")
    samples = data(model)
    exact = answers(model, samples)
    near = [
        cosine(exact, answers(snncc.convert(model, snncc.Rate(T=64), calibration=samples, gates=K), samples))
        for K in (8, 16)
    ]
    assert near[0] < near[1]
    with pytest.raises(snncc.SnnccError, match="gates are to have 12 steps"):
        snncc.convert(model, snncc.FS(K=10), calibration=samples, gates=12)


def test_strict_refuses_the_products_of_gates(build) -> None:
    for coding in (snncc.FS(K=16), snncc.Phase()):
        with pytest.raises(snncc.SnnccError, match="products of gates and states"):
            snncc.convert(build("tokens"), coding, strict=True)


def test_time_first_inputs_are_refused_with_a_way_out(network, weights) -> None:
    model = network(
        "net (float[7,N,5] x) => (float[1,N,6] h) { s, h = LSTM <hidden_size = 6> (x, W, R, B) }", **weights("LSTM")
    )
    with pytest.raises(snncc.SnnccError, match="batch on axis 0, not 1; export with batch_first"):
        snncc.convert(model, snncc.FS())


def test_states_may_be_inputs(network, weights) -> None:
    model = network(
        f"net (float[N,7,5] x, float[1,N,6] h0) => (float[1,N,6] h) {{ {TIME_FIRST} "
        "s, h = GRU <hidden_size = 6> (t, W, R, B, , h0) }",
        **weights("GRU"),
    )
    rng = np.random.default_rng(1)
    feeds = {
        "x": rng.normal(0, 1, (9, 7, 5)).astype(np.float32),
        "h0": rng.normal(0, 0.5, (1, 9, 6)).astype(np.float32),
    }
    snn = snncc.convert(model, snncc.FS(K=16), calibration=feeds)
    assert [v.type for v in snn.graph.input] == [v.type for v in model.graph.input]
    want, found = (cpu_session(m).run(None, feeds)[0] for m in (model, snn))
    np.testing.assert_allclose(found, want, atol=0.1)

# SPDX-License-Identifier: Apache-2.0
"""Integer inputs: which ops on them convert, how they are calibrated, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import snncc
import snncc.runtime
from snncc.analysis.cpu_session import cpu_session
from snncc.analysis.integer_inputs import activation_sources, id_ranges, integer_tensors
from snncc.cli import main
from snncc.frontend.import_model import import_model
from snncc.ir.metadata import metadata_of

HEAD = " z = Gemm (p, V) q = Relu (z) y = Gemm (q, U) }"
TEXT = (
    "net (int64[N,7] x, int32[N] length) => (float[N,4] y) { e = Gather (T, x) t = Transpose <perm = [1, 0, 2]> (e) "
    "s, h = GRU <hidden_size = 6> (t, W, R, B, length) p = Squeeze (h, o)" + HEAD
)
BAG = "net (int64[N,7] x) => (float[N,4] y) { e = Gather (T, x) p = ReduceMean <keepdims = 0> (e, i)" + HEAD


@pytest.fixture
def text(network, weights):
    return network(TEXT, T=(20, 5), o=np.array([0]), V=(6, 8), U=(8, 4), **weights("GRU"))


@pytest.fixture
def bag(network):
    return network(BAG, T=(20, 5), i=np.array([1]), V=(5, 8), U=(8, 4))


def test_what_is_looked_up_is_the_source(text) -> None:
    graph = import_model(text)
    assert [t.name for t in activation_sources(graph)] == ["e"]
    assert {t.name for n in graph.nodes() for t in n.outputs if id(t) in integer_tensors(graph)} == {"e"}
    assert id_ranges(graph, 32) == {"x": 20, "length": 8}  # up to the 7 steps of the sequence


@pytest.mark.parametrize("coding", [snncc.FS(K=16), snncc.Phase(T=24, Q=1.2), snncc.Rate(T=64), snncc.MSAT(T=64)])
def test_ids_and_lengths_in_every_coding(text, cosine, coding) -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.integers(0, 20, (48, 7)), "length": rng.integers(1, 8, 48)}
    snn = snncc.convert(text, coding, calibration=data)
    feeds = {"x": data["x"], "length": data["length"].astype(np.int32)}
    exact, found = (snncc.runtime.create_session(m, device="cpu").run(None, feeds)[0] for m in (text, snn))
    assert cosine(exact, found) >= 0.99
    assert snncc.evaluate(snn, text, data).samples == 48


def test_phase_coding_codes_rows_of_the_table_by_their_range(bag) -> None:
    ids = np.arange(20).repeat(7).reshape(20, 7)
    snn = snncc.convert(bag, snncc.Phase(T=24, Q=1.2), calibration=ids)
    encoder = next(n for n in snn.graph.node if n.op_type == "PhaseNeuron")
    scale = next(t for t in snn.graph.initializer if t.name == encoder.input[1])
    table = next(t for t in bag.graph.initializer if t.name == "T")
    rows = np.frombuffer(table.raw_data, np.float32)
    assert np.frombuffer(scale.raw_data, np.float32)[0] == pytest.approx(np.abs(rows).max() / 2)
    found = snncc.evaluate(snn, bag, ids)
    assert [x.encoder for x in found.layers] == [True, False]


def test_without_data_ids_are_drawn_from_the_table(bag, caplog) -> None:
    first, second = (snncc.convert(bag, snncc.Phase()) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    assert "random ids" in caplog.text
    assert "--input-range" not in caplog.text
    assert metadata_of(first)["snncc.calibration"]["origin"] == "noise"


def test_ids_beyond_the_table_are_refused(bag) -> None:
    with pytest.raises(snncc.SnnccError, match="out of data bounds"):
        snncc.convert(bag, snncc.FS(), calibration=np.full((8, 7), 20))


@pytest.mark.parametrize(
    "body",
    ["f = Cast <to = 1> (x) z = MatMul (f, V) y = Relu (z) }", "d = Mul (x, x) e = Gather (T, d) y = Relu (e) }"],
)
def test_integers_may_be_computed_with(network, body) -> None:
    kind = "float[N,8] y" if "V" in body else "float[N,7,5] y"
    model = network(f"net (int64[N,7] x) => ({kind}) {{ {body}", **({"V": (7, 8)} if "V" in body else {"T": (20, 5)}))
    ids = np.random.default_rng(1).integers(0, 5, (9, 7))
    snn = snncc.convert(model, snncc.FS(K=16), calibration=ids)
    want, found = (cpu_session(m).run(None, {"x": ids})[0] for m in (model, snn))
    np.testing.assert_allclose(found, want, atol=1e-3 * np.abs(want).max())


def test_activations_that_are_integers_are_refused(network) -> None:
    model = network("net (int64[N,7] x) => (float[N,7] y) { a = Abs (x) r = Relu (a) y = Cast <to = 1> (r) }")
    with pytest.raises(snncc.SnnccError, match="input 'x' is int64, and Abs 'a' computes with it"):
        snncc.convert(model, snncc.FS())


@pytest.mark.parametrize("kind", ["float16", "double"])
def test_recurrent_layers_in_other_types_are_refused(network, weights, kind) -> None:
    dtype = np.dtype({"double": "float64"}.get(kind, kind))
    given = {name: value.astype(dtype) for name, value in weights("GRU").items()}
    body = f"net ({kind}[N,7,5] x) => ({kind}[1,N,6] h) {{ t = Transpose <perm = [1, 0, 2]> (x) "
    model = network(body + "s, h = GRU <hidden_size = 6> (t, W, R, B) }", **given)
    with pytest.raises(snncc.SnnccError, match=f"in {dtype}, in which onnxruntime does not run it"):
        snncc.convert(model, snncc.FS())


def test_time_steps_need_the_batch_in_front(network, weights) -> None:
    body = "net (float[N,L,5] x) => (float[L,1,N,6] s) { r = Relu (x) t = Transpose <perm = [1, 0, 2]> (r) "
    model = network(body + "s = GRU <hidden_size = 6> (t, W, R, B) }", **weights("GRU"))
    snncc.convert(model, snncc.FS(K=16))
    with pytest.raises(snncc.SnnccError, match="output 's' has the batch on axis 2"):
        snncc.convert(model, snncc.Rate(T=8))


def test_commands_say_what_becomes_of_recurrent_layers(text, tmp_path) -> None:
    rng, run = np.random.default_rng(0), CliRunner().invoke
    model, data, snn = (str(tmp_path / name) for name in ("ann.onnx", "data.npz", "snn.onnx"))
    (tmp_path / "ann.onnx").write_bytes(text.SerializeToString())
    np.savez(data, x=rng.integers(0, 20, (8, 7)), length=rng.integers(1, 8, 8), labels=rng.integers(0, 4, 8))
    assert (
        "The gates of 1 recurrent layer(s) become few-spikes neurons: GRU 's'" in run(main, ["inspect", model]).output
    )
    made = run(main, ["convert", model, "--gates", "12", "--calib", data, "-o", snn])
    assert made.exit_code == 0, made.output
    assert "few-spikes neurons of 12 steps" in made.output
    assert "GRU 's'" in made.output
    found = json.loads(run(main, ["inspect", snn, "--json"]).output)
    assert [n["replaces"] for n in found["neurons"] if n["name"].startswith("s_forward/")] == ["s"] * 3
    result = run(main, ["evaluate", snn, "--ann", model, "--data", data])
    assert "gates of recurrent layers" in result.output
    assert run(main, ["run", snn, data]).exit_code == 0
    assert run(main, ["convert", model, "-o", snn]).exit_code == 0  # compared on random ids

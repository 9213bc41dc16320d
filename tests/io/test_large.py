# SPDX-License-Identifier: Apache-2.0
"""Models beyond the size limit of protobuf; most tests lower the limit so that small models reach it."""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper

import snncc
from snncc.cli import main
from snncc.io import large_models
from snncc.io.atomic_write import weight_files
from snncc.io.digests import model_digest
from snncc.io.large_models import fits_one_file, outline, parts, with_weights_of
from snncc.io.model_reader import read_model
from snncc.io.opening import openable
from snncc.ir.metadata import metadata_of
from snncc.models.digits import load_digits
from snncc.runtime import create_session
from snncc.storage.mapped import values_of

DIGITS = Path(str(files("snncc.models") / "digits_cnn.onnx"))
_GIB = 2**30


@pytest.fixture
def digits() -> onnx.ModelProto:
    return onnx.load(DIGITS)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_models, "_SET_ASIDE", 256)
    monkeypatch.setattr(large_models, "_MOST", 1024)


def test_an_outline_has_no_large_weights_and_takes_them_back(digits: onnx.ModelProto, small_limits: None) -> None:
    sketch = outline(digits)
    onnx.checker.check_model(sketch, full_check=True)
    aside = {i.name for i in sketch.graph.input} - {i.name for i in digits.graph.input}
    assert aside == {w.name for w in digits.graph.initializer if len(w.raw_data) > 256}
    assert aside
    assert with_weights_of(sketch, digits) == digits


def test_weights_listed_as_inputs_stay_there(digits: onnx.ModelProto, small_limits: None) -> None:
    weight = digits.graph.initializer[0]
    digits.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims)))
    assert with_weights_of(outline(digits), digits) == digits


def test_parts_are_the_whole(digits: onnx.ModelProto, small_limits: None, tmp_path: Path) -> None:
    sketch, aside = parts(digits, "weights")
    (tmp_path / "model.onnx").write_bytes(sketch.SerializeToString())
    (tmp_path / "weights").write_bytes(b"".join(map(values_of, aside)))
    assert read_model(tmp_path / "model.onnx") == digits


@pytest.mark.parametrize("kind", [onnx.TensorProto.INT4, onnx.TensorProto.UINT4])
def test_packed_weights_lie_in_files_as_they_do_in_memory(kind: int) -> None:
    weight = helper.make_tensor("w", kind, [2, 3], [1, 2, 3, 4, 5, 6])
    assert len(values_of(weight)) == large_models.size_of(weight) == 3


def test_words_are_no_large_weights(digits: onnx.ModelProto, small_limits: None) -> None:
    digits.graph.initializer.append(helper.make_tensor("words", onnx.TensorProto.STRING, [200], [b"word"] * 200))
    assert outline(digits).graph.initializer[-1].name == "words"


def test_sessions_open_either_way(digits: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = {digits.graph.input[0].name: load_digits().test_images[:4]}
    expected = create_session(digits, device="cpu").run(None, feed)[0]
    monkeypatch.setattr(large_models, "_MOST", 1024)
    monkeypatch.setattr(large_models, "_SET_ASIDE", 256)
    with openable(digits) as source:
        assert isinstance(source, str)
    np.testing.assert_array_equal(create_session(digits, device="cpu").run(None, feed)[0], expected)


def test_digests_see_every_weight(digits: onnx.ModelProto, small_limits: None) -> None:
    assert not fits_one_file(digits)
    found = {model_digest(digits)}
    for weight in digits.graph.initializer:
        values = numpy_helper.to_array(weight).copy()
        values.flat[-1] += 1
        changed = onnx.ModelProto()
        changed.CopyFrom(digits)
        next(w for w in changed.graph.initializer if w.name == weight.name).raw_data = values.tobytes()
        found.add(model_digest(changed))
    assert len(found) == 1 + len(digits.graph.initializer)


@pytest.mark.usefixtures("small_limits")
def test_the_commands_write_the_weights_beside_the_model(tmp_path: Path) -> None:
    calibration, test = (tmp_path / f"{n}.npz" for n in ("calib", "test"))
    images, _, others, labels = load_digits()
    np.savez(calibration, input=images[:64])
    np.savez(test, input=others[:32], labels=labels[:32])
    options = ["--coding", "phase", "--T", "8", "--Q", "1.4", "--calib", str(calibration)]
    run = CliRunner().invoke(main, ["convert", str(DIGITS), *options, "-o", str(tmp_path / "snn.onnx")])
    assert run.exit_code == 0, run.output
    (weights,) = weight_files(tmp_path / "snn.onnx")
    assert weights.stat().st_size > 1024
    for command in (["inspect"], ["run", str(test)], ["evaluate", "--ann", str(DIGITS), "--data", str(test)]):
        name, *rest = command
        run = CliRunner().invoke(main, [name, str(tmp_path / "snn.onnx"), *rest])
        assert run.exit_code == 0, run.output
    converted = snncc.convert(DIGITS, snncc.Phase(T=8, Q=1.4), calibration=images[:64])
    assert read_model(tmp_path / "snn.onnx") == converted


@pytest.mark.slow
def test_more_than_two_gibibytes(tmp_path: Path) -> None:
    if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 21 * _GIB:
        pytest.skip("needs 21 GiB of free memory")
    if shutil.disk_usage(tmp_path).free < 12 * _GIB:
        pytest.skip("needs 12 GiB of free disk space")
    model = _wide_network(tmp_path, 13824)
    converted = snncc.convert(model, snncc.FS(K=12), input_range=(-3, 3), form="folded")
    assert not fits_one_file(converted)
    assert metadata_of(converted)["snncc.source"]["sha256"] == model_digest(read_model(model))
    samples = {"x": np.random.default_rng(1).standard_normal((4, 64), np.float32)}
    given = create_session(converted, device="cpu").run(None, samples)[0]
    del converted
    expected = create_session(model, device="cpu").run(None, samples)[0]
    assert np.abs(given - expected).mean() < 0.05 * np.abs(expected).mean()


def _wide_network(folder: Path, width: int) -> Path:
    """Five layers, three of them width x width, whose weights are in a separate file."""
    rng = np.random.default_rng(0)
    sizes = [64, *[width] * 4, 10]
    nodes, weights, offset = [], [], 0
    with (folder / "weights").open("wb") as file:
        for layer, shape in enumerate(pairwise(sizes)):
            values = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / shape[0]))
            weight = onnx.TensorProto(name=f"w{layer}", data_type=onnx.TensorProto.FLOAT, dims=shape)
            weight.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", "weights"), ("offset", offset), ("length", values.nbytes)):
                weight.external_data.add(key=key, value=str(value))
            offset += file.write(values.tobytes())
            weights.append(weight)
            nodes.append(helper.make_node("MatMul", [f"x{layer}" if layer else "x", f"w{layer}"], [f"m{layer}"]))
            nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"x{layer + 1}"]))
    inputs, outputs = (
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", size])]
        for name, size in (("x", 64), ("m4", 10))
    )
    graph = helper.make_graph(nodes[:-1], "wide", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"

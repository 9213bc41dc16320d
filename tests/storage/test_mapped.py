# SPDX-License-Identifier: Apache-2.0
"""Large weights that stay in files; most tests lower the limit so that small ones count as large."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

import snncc
from snncc.cli import main
from snncc.coding import Coding
from snncc.errors import ModelError
from snncc.frontend.import_model import import_model
from snncc.io.digests import model_digest
from snncc.io.inline import sketch_of
from snncc.io.model_reader import read_model
from snncc.runtime import create_session
from snncc.storage import mapped
from snncc.storage.mapped import array_of, left_in_files, mapped_in, put_aside
from snncc.storage.serialised import serialised
from tests.effort import THOROUGH

CODINGS = [snncc.Phase(T=8, Q=1.4), snncc.FS(K=6), snncc.Rate(T=8), snncc.MSAT(T=8), snncc.Differential(T=3)]


def samples(width: int = 24) -> np.ndarray:
    return np.random.default_rng(1).random((32, width), np.float32)


def chain(folder: Path, width: int, layers: int = 4, *, inline: bool = False) -> Path:
    """A chain of MatMul or Gemm, and ReLU, whose weights are in a separate file, or in the model's file if `inline`."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    nodes, weights, offset = [], [], 0
    with (folder / "weights").open("wb") as file:
        for layer in range(layers):
            values = rng.standard_normal((width, width), np.float32) * np.float32(np.sqrt(2 / width))
            weight = TensorProto(name=f"w{layer}", data_type=TensorProto.FLOAT, dims=values.shape)
            if inline:
                weight.raw_data = values.tobytes()
            else:
                weight.data_location = TensorProto.EXTERNAL
                for key, value in (("location", "weights"), ("offset", offset), ("length", values.nbytes)):
                    weight.external_data.add(key=key, value=str(value))
                offset += file.write(values.data)
            weights += [weight, numpy_helper.from_array(np.full(width, 0.01, np.float32), f"b{layer}")]
            given = [f"x{layer}", f"w{layer}", f"b{layer}"]
            if layer % 2:
                nodes.append(helper.make_node("Gemm", given, [f"m{layer}"], transB=1))
            else:
                nodes.append(helper.make_node("MatMul", given[:2], [f"n{layer}"]))
                nodes.append(helper.make_node("Add", [f"n{layer}", given[2]], [f"m{layer}"]))
            nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"x{layer + 1}"]))
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", width]) for n in ("x0", f"m{layers - 1}"))
    graph = helper.make_graph(nodes[:-1], "chain", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


@pytest.fixture(params=["beside", "inline"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return chain(tmp_path / "model", 24, inline=request.param == "inline")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Path]:
    """Makes weights of 256 bytes large from here on, and gives the folder of temporary files."""

    def begin() -> Path:
        folder = tmp_path / "temporary"
        folder.mkdir(exist_ok=True)
        monkeypatch.setattr(mapped, "_SMALLEST", 256)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        return folder

    return begin


def data_of(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def test_large_weights_stay_where_they_are(model: Path, small: Callable[[], Path]) -> None:
    before = {t.name: numpy_helper.to_array(t) for t in read_model(model).graph.initializer}
    small()
    found = read_model(model)
    assert [t.name for t in mapped_in(found.graph)] == ["w0", "w1", "w2", "w3"]
    assert found.ByteSize() < 8192
    for weight in found.graph.initializer:
        np.testing.assert_array_equal(array_of(weight), before[weight.name])


def test_bytes_and_digest_are_those_of_weights_in_memory(model: Path, small: Callable[[], Path]) -> None:
    whole = read_model(model)
    whole.graph.initializer[0].doc_string = "behind the values"
    expected, digest = data_of(whole), model_digest(whole)
    small()
    found = read_model(model)
    found.graph.initializer[0].doc_string = "behind the values"
    assert b"".join(serialised(found)) == expected
    assert model_digest(found) == digest


OPTIONS: list[dict[str, Any]] = [
    {"calibration": samples()},
    *({"input_range": (0, 1), **more} for more in ({}, {"form": "loop"}, {"form": "step"}, {"weights": "int8"})),
]


@pytest.mark.parametrize(
    ("coding", "options"),
    [(c, o) for c in CODINGS for o in OPTIONS if c.slices > 1 or o.get("form") != "step"],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else value.name,
)
def test_a_conversion_gives_the_same_bytes(
    small: Callable[[], Path], tmp_path: Path, coding: Coding, options: dict[str, Any]
) -> None:
    model = chain(tmp_path / "model", 24)
    expected = data_of(snncc.convert(model, coding, **options))
    folder = small()
    assert data_of(snncc.convert(model, coding, **options)) == expected
    gc.collect()
    assert not list(folder.rglob("*.weight"))


@pytest.mark.parametrize("own", ["", "/of/the/caller"])
def test_one_options_object_serves_models_in_two_folders(small: Callable[[], Path], tmp_path: Path, own: str) -> None:
    key = "session.model_external_initializers_file_folder_path"
    models = {width: chain(tmp_path / f"of {width}", width) for width in (24, 32)}
    options = ort.SessionOptions()
    if own:
        options.add_session_config_entry(key, own)
    small()
    sessions = {w: create_session(read_model(path), device="cpu", options=options) for w, path in models.items()}
    assert options.get_session_config_entry(key) == own
    for width, path in models.items():
        plain = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        given = {"x0": samples(width)}
        np.testing.assert_allclose(sessions[width].run(None, given)[0], plain.run(None, given)[0], rtol=1e-5)


def test_sessions_print_nothing(small: Callable[[], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = chain(tmp_path / "model", 24)
    small()
    snncc.convert(path, snncc.FS(K=3), input_range=(0, 1))
    create_session(read_model(path), device="cpu").run(None, {"x0": samples(24)})
    assert "AddConfigEntry" not in capfd.readouterr().err


def test_a_conversion_may_leave_weights_in_files(model: Path, small: Callable[[], Path]) -> None:
    expected = data_of(snncc.convert(model, snncc.FS(K=6), input_range=(0, 1)))
    folder = small()
    with left_in_files():
        found = snncc.convert(model, snncc.FS(K=6), input_range=(0, 1))
        assert list(mapped_in(found.graph))
        gc.collect()
        assert b"".join(serialised(found)) == expected
    gc.collect()
    assert not list(folder.rglob("*.weight"))


@pytest.mark.parametrize("form", ["folded", "loop"])
def test_the_commands_say_the_same(model: Path, small: Callable[[], Path], tmp_path: Path, form: str) -> None:
    np.savez(tmp_path / "data.npz", input=samples(), labels=np.arange(32) % 24)
    data = str(tmp_path / "data.npz")

    def said() -> list[Any]:
        snn = str(tmp_path / "snn.onnx")
        commands = [
            ["convert", str(model), "--coding", "rate", "--T", "8", "--form", form, "--calib", data, "-o", snn],
            ["inspect", str(model)],
            ["inspect", snn],
            ["evaluate", snn, "--ann", str(model), "--data", data],
            ["check", snn, "--ann", str(model), "--data", data, "--calib", data],
        ]
        results = [CliRunner().invoke(main, [*command, "--json"]) for command in commands]
        assert [r.exit_code for r in results] == [0] * len(commands), [r.output for r in results]
        found = [json.loads(r.stdout) for r in results]
        found[3]["latency"]["ms_per_sample"] = None
        return [*found, Path(snn).read_bytes()]

    expected = said()
    small()
    assert said() == expected


def test_what_depends_on_weights_alone_is_still_folded(small: Callable[[], Path], tmp_path: Path) -> None:
    path = chain(tmp_path / "model", 24, layers=2)
    model = onnx.load(path, load_external_data=False)
    model.graph.node[0].input[1] = "turned"
    model.graph.node.insert(0, helper.make_node("Transpose", ["w0"], ["turned"], perm=[1, 0]))
    path.write_bytes(model.SerializeToString())
    small()
    graph = import_model(path)
    assert not graph.nodes("Transpose")
    assert len(list(mapped_in(graph.to_proto().graph))) == 2


def test_a_dump_is_the_same_in_each_process(small: Callable[[], Path], tmp_path: Path) -> None:
    small()
    text = import_model(chain(tmp_path / "model", 24)).text()
    assert 'w0 = ["location": "a file"]' in text
    assert mapped._WORD not in text
    assert str(tmp_path) not in text


def test_nobody_else_can_name_a_file_that_way(small: Callable[[], Path], tmp_path: Path) -> None:
    path = chain(tmp_path / "model", 24)
    small()
    model = onnx.load(path, load_external_data=False)
    for weight in model.graph.initializer:
        if weight.external_data:
            weight.external_data.add(key="file", value="/etc/passwd")
            weight.external_data[0].value = "0" * 32
    assert not list(mapped_in(model.graph))
    with pytest.raises(ModelError, match="external file"):
        read_model(model)


def test_without_room_for_files_values_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_SMALLEST", 256)
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    assert put_aside(np.zeros((24, 24), np.float32)) is None


def test_files_are_removed_by_the_process_that_made_them_only(tmp_path: Path) -> None:
    file = tmp_path / "weight"
    file.touch()
    mapped._remove(file, os.getpid() + 1)
    assert file.exists()
    mapped._remove(file, os.getpid())
    assert not file.exists()


@pytest.mark.parametrize("damage", [b"", b"\x3a\xff", b"not a model" * 100])
def test_what_is_no_model_is_no_sketch(small: Callable[[], Path], tmp_path: Path, damage: bytes) -> None:
    small()
    (tmp_path / "model.onnx").write_bytes(damage * 50)
    assert sketch_of(tmp_path / "model.onnx") is None


_PEAK = """
import sys
from snncc.cli import main
try:
    main(sys.argv[1:])
finally:
    lines = open("/proc/self/status").read().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
"""


def peak(*arguments: object) -> int:
    """The most bytes that a command had in memory, mapped files included."""
    command = [sys.executable, "-c", _PEAK, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return 1024 * int(run.stderr.split()[-1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process had")
@pytest.mark.parametrize("inline", [False, True], ids=["beside", "inline"])
def test_memory_is_at_most_three_times_the_weights(tmp_path: Path, inline: bool) -> None:
    layers, width = 6, 2900 if THOROUGH else 2048  # 202 or 101 MB
    codings = ("phase",) if inline else ("phase", "fs", "rate", "msat")
    models = {size: chain(tmp_path / str(size), size, layers, inline=inline) for size in (16, width)}
    for size in models:
        np.savez(tmp_path / f"{size}.npz", input=samples(size), labels=np.zeros(32, np.int64))

    def used(size: int) -> dict[str, int]:
        model, data, snn = models[size], tmp_path / f"{size}.npz", tmp_path / f"{size}.onnx"
        found = {"inspect": peak("inspect", model)}
        for coding in codings:
            found[f"convert {coding}"] = peak("convert", model, "--coding", coding, "--calib", data, "-o", snn)
        found["run"] = peak("run", snn, data)
        found["evaluate"] = peak("evaluate", snn, "--ann", model, "--data", data)
        found["check"] = peak("check", snn, "--ann", model, "--data", data)
        return found

    idle, busy = used(16), used(width)
    shares = {name: (busy[name] - idle[name]) / (4 * layers * width**2) for name in busy}
    assert not {name: share for name, share in shares.items() if share > 3}, shares

# SPDX-License-Identifier: Apache-2.0
"""External weights: which files are read and which are refused, by every module that opens a model."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

import snncc
from snncc.cli import main
from snncc.io.external_data import TRUST
from snncc.io.model_reader import read_model
from snncc.ir.metadata import metadata_of
from snncc.runtime import create_session

VALUES = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
OUTSIDE = "points outside the model's folder"


def external(location: str, values: np.ndarray = VALUES, **place: object) -> TensorProto:
    tensor = numpy_helper.from_array(values, "W")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **place}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def model_of(weight: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "W"], ["c"]), helper.make_node("Relu", ["c"], ["y"])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", size]) for n, size in (("x", 4), ("y", 3)))
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "model"
    path.mkdir(parents=True)
    return path


def saved(folder: Path, location: str, **place: object) -> Path:
    (folder / "m.onnx").write_bytes(model_of(external(location, **place)).SerializeToString())
    return folder / "m.onnx"


def assert_refused(path: Path, message: str) -> str:
    """By the compiler and by the runtime, in the same words; what they say."""
    said = []
    for open_model in (read_model, create_session):
        with pytest.raises(snncc.SnnccError, match=message) as caught:
            open_model(path)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{path}: weight 'W'")
    assert said[0].endswith(".")
    return said[0]


def assert_read(path: Path) -> None:
    np.testing.assert_array_equal(numpy_helper.to_array(read_model(path).graph.initializer[0]), VALUES)
    outputs = create_session(path, device="cpu").run(None, {"x": np.eye(4, dtype=np.float32)})
    np.testing.assert_array_equal(outputs[0], VALUES)


# What puts the weights, which lie in ../blobs, into the model's folder; it returns the location.
def _dots(folder: Path, blob: Path) -> str:
    return "../blobs/w"


def _absolute(folder: Path, blob: Path) -> str:
    return str(blob)


def _symlink(folder: Path, blob: Path) -> str:
    (folder / "w.bin").symlink_to("../blobs/w")
    return "w.bin"


def _linked_folder(folder: Path, blob: Path) -> str:
    (folder / "sub").symlink_to(blob.parent, target_is_directory=True)
    return "sub/w"


def _chain(folder: Path, blob: Path) -> str:
    (folder / "w.bin").symlink_to("again.bin")
    (folder / "again.bin").symlink_to(blob)
    return "w.bin"


def _hard_link(folder: Path, blob: Path) -> str:
    os.link(blob, folder / "w.bin")
    return "w.bin"


WAYS_OUT = (_dots, _absolute, _symlink, _linked_folder, _chain)


@pytest.mark.parametrize("way", [*WAYS_OUT, _hard_link], ids=lambda way: way.__name__.strip("_"))
def test_what_leads_out_is_refused_until_it_is_trusted(
    way: Callable[[Path, Path], str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = folder.parent / "blobs" / "w"
    blob.parent.mkdir()
    blob.write_bytes(VALUES.tobytes())
    path = saved(folder, way(folder, blob))
    message = assert_refused(path, OUTSIDE if way in WAYS_OUT else "is a hard link, perhaps to a private file")
    advice = re.search(rf"set the environment variable {TRUST}=(.*)\.$", message)
    assert advice
    monkeypatch.setenv(TRUST, advice[1])  # as the message says, word for word
    assert_read(path)
    monkeypatch.setenv(TRUST, os.pathsep.join(["", "/nowhere", str(folder.parent)]))  # or the cache as a whole
    assert_read(path)
    monkeypatch.setenv(TRUST, str(folder.parent / "blob"))  # not the same as blobs
    assert_refused(path, "environment variable")


def test_a_cache_of_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is a link, too."""
    blobs = folder.parent / "blobs"
    blobs.mkdir()
    saved(blobs, "m.onnx_data").rename(blobs / "1f")
    (blobs / "2e").write_bytes(VALUES.tobytes())
    (folder / "m.onnx").symlink_to("../blobs/1f")
    (folder / "m.onnx_data").symlink_to("../blobs/2e")
    assert_refused(folder / "m.onnx", OUTSIDE)
    monkeypatch.setenv(TRUST, str(blobs))
    assert_read(folder / "m.onnx")


def test_links_within_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "w").write_bytes(bytes(8) + VALUES.tobytes() + bytes(8))
    (folder / "w.bin").symlink_to("data/w")
    assert_read(saved(folder, "w.bin", offset=8, length=48))
    assert_read(saved(folder, "data/../data/w", offset=8))
    monkeypatch.chdir(folder.parent)
    assert_read(Path("model/m.onnx"))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_pipe, _device, Path.mkdir], ids=["pipe", "device", "folder"])
def test_what_is_no_file(make: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder / "w.bin")
    monkeypatch.setenv(TRUST, "/")
    assert_refused(saved(folder, "w.bin"), "'w.bin' is a folder, a pipe or a device, not a file")


@pytest.mark.parametrize("make", [_pipe, _device], ids=["pipe", "device"])
def test_a_model_that_is_no_file(make: Callable[[Path], None], folder: Path) -> None:
    make(folder / "m.onnx")
    with pytest.raises(snncc.SnnccError, match=r"m.onnx: is a pipe or a device. Save the model to a file"):
        snncc.convert(folder / "m.onnx", snncc.Phase())
    with pytest.raises(snncc.SnnccError):
        create_session(folder / "m.onnx")


@pytest.mark.parametrize("location", ["gone.bin", "", "w.bin/x", "loop.bin", "n" * 5000, "*/_ORT_MEM_ADDR_/*", "a\0b"])
def test_files_that_are_not_there(location: str, folder: Path) -> None:
    (folder / "w.bin").write_bytes(VALUES.tobytes())
    (folder / "loop.bin").symlink_to("loop.bin")
    assert_refused(
        saved(folder, location), "missing|cannot be read|not a file|name of its external data file is damaged"
    )


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"offset": 1}, "bytes 1 to 49 of 'w.bin', which has 48"),
        ({"offset": 4}, "bytes 4 to 52 of 'w.bin', which has 48"),
        ({"offset": -4}, "damaged: 48 bytes from -4 for float"),
        ({"offset": 10**30}, "of 'w.bin', which has 48"),
        ({"offset": "one"}, "its place in the data file is no number"),
        ({"length": 10**15}, "damaged: 1000000000000000 bytes from 0"),
        ({"length": -48}, "damaged: -48 bytes"),
        ({"length": 44}, r"damaged: 44 bytes from 0 for float \[4, 3\]"),
        ({"length": "9" * 5000}, "no number"),
    ],
    ids=[
        "one byte beyond the end",
        "beyond the end",
        "negative",
        "far",
        "a word",
        "huge",
        "negative length",
        "short",
        "many digits",
    ],
)
def test_places_outside_the_file(place: dict[str, Any], message: str, folder: Path) -> None:
    (folder / "w.bin").write_bytes(VALUES.tobytes())
    assert_refused(saved(folder, "w.bin", **place), message)


@pytest.mark.parametrize(
    ("dims", "kind"), [([10**9, 10**9], 1), ([-4, -3], 1), ([4, 3], 99), ([6], TensorProto.STRING)]
)
def test_shapes_and_types_that_no_file_holds(dims: list[int], kind: int, folder: Path) -> None:
    tensor = external("w.bin")
    tensor.dims[:] = dims
    tensor.data_type = kind
    (folder / "w.bin").write_bytes(VALUES.tobytes())
    (folder / "m.onnx").write_bytes(model_of(tensor).SerializeToString())
    assert_refused(folder / "m.onnx", "damaged|no known type|which has 48")


def test_numbers_of_four_bits(folder: Path) -> None:
    tensor = external("w.bin", np.zeros(3, np.int8))
    tensor.data_type = TensorProto.INT4
    (folder / "w.bin").write_bytes(b"\x21\x03")
    (folder / "m.onnx").write_bytes(model_of(tensor).SerializeToString())
    read = numpy_helper.to_array(read_model(folder / "m.onnx").graph.initializer[0])
    assert read.astype(int).tolist() == [1, 2, 3]


def test_a_constant_in_a_sparse_attribute(folder: Path) -> None:
    sparse = helper.make_sparse_tensor(external("../secret"), numpy_helper.from_array(np.arange(12)), [12])
    model = model_of(numpy_helper.from_array(VALUES, "W"))
    model.graph.node.append(helper.make_node("Constant", [], ["k"], sparse_value=sparse))
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    assert_refused(folder / "m.onnx", OUTSIDE)


@pytest.mark.parametrize("given", ["bytes", "model"])
def test_a_session_never_looks_in_the_current_folder(given: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "w.bin").write_bytes(VALUES.tobytes())
    model = model_of(external("w.bin"))
    monkeypatch.chdir(folder)
    with pytest.raises(snncc.SnnccError, match=r"weight 'W' lies in external file 'w.bin'. Give the model's path"):
        create_session(model.SerializeToString() if given == "bytes" else model)


def test_the_digest_covers_the_external_bytes(folder: Path) -> None:
    (folder / "w.bin").write_bytes(VALUES.tobytes())
    path = saved(folder, "w.bin")
    before = metadata_of(snncc.convert(path, snncc.Phase()))["snncc.source"]
    (folder / "w.bin").write_bytes((2 * VALUES).tobytes())
    assert metadata_of(snncc.convert(path, snncc.Phase()))["snncc.source"] != before


@pytest.fixture
def converted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A converted model whose weights have been moved out of its folder, with its source and data next to it."""
    source = model_of(numpy_helper.from_array(VALUES, "W"))
    onnx.save(source, folder / "ann.onnx")
    np.savez(folder / "data.npz", input=np.eye(4, dtype=np.float32), labels=np.full(4, 2))
    snn = snncc.convert(source, snncc.Phase(), calibration=np.eye(4, dtype=np.float32))
    onnx.save(snn, folder / "snn.onnx", save_as_external_data=True, location="w", size_threshold=0)
    (folder / "w").rename(folder.parent / "w")
    (folder / "w").symlink_to("../w")
    monkeypatch.chdir(folder)
    return folder / "snn.onnx"


@pytest.mark.parametrize(
    "command",
    [
        "inspect snn.onnx",
        "run snn.onnx data.npz",
        "run snn.onnx data.npz --spikes out.npz",
        "evaluate snn.onnx --ann ann.onnx --data data.npz",
        "check snn.onnx --ann ann.onnx --data data.npz --max-drop 100",
        "convert snn.onnx -o out.onnx",
    ],
)
def test_every_command(command: str, converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = CliRunner().invoke(main, command.split())
    assert refused.exit_code == 1
    assert "points outside the model's folder" in refused.stderr
    assert "Traceback" not in refused.output
    monkeypatch.setenv(TRUST, str(converted.parents[1]))
    allowed = CliRunner().invoke(main, command.split())
    if command.startswith("convert"):
        assert "points outside" not in allowed.stderr  # it is converted already, which is another matter
    else:
        assert allowed.exit_code == 0, allowed.output

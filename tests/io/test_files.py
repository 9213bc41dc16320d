# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from snncc.errors import OutputError, SnnccError
from snncc.io import atomic_write, large_models
from snncc.io.atomic_write import require_writable, weight_files, write_model, write_whole
from snncc.io.model_reader import read_model
from tests.effort import KILLS

ROOT = Path(__file__).parents[2]


def test_replaces_a_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "snn.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "snn.onnx"
    path.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnnccError, match=r"snn\.onnx: cannot be written \(No space left on device\)"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writes_through_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_devices_are_written_to_not_replaced():
    write_whole(Path(os.devnull), b"gone")
    assert not Path(os.devnull).is_file()
    with pytest.raises(SnnccError, match="No space left"):
        write_whole(Path("/dev/full"), b"too much")


def test_unwritable_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SnnccError, match="not writable"):
        require_writable(tmp_path / "snn.onnx")


def test_a_loop_of_links_is_an_error(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="links lead in a circle"):
        write_whole(tmp_path / "a", b"new")


@pytest.mark.parametrize("length", [247, 255])
def test_the_longest_names_are_written(tmp_path, length):
    write_whole(tmp_path / ("n" * length), b"new")
    assert (tmp_path / ("n" * length)).read_bytes() == b"new"


def test_a_name_that_is_too_long_is_an_error_before_any_work(tmp_path):
    with pytest.raises(OutputError, match=r"the name is too long.*another name"):
        require_writable(tmp_path / ("n" * 256))


def test_a_read_only_file_is_not_replaced(tmp_path):
    path = tmp_path / "snn.onnx"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(OutputError, match="is read-only"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_files_of_a_killed_process_are_cleared_and_those_of_a_live_one_stay(tmp_path):
    (tmp_path / ".snncc-dead.part").write_bytes(b"half")
    live = atomic_write._locked(tmp_path, 0o600)
    with live:
        write_whole(tmp_path / "out", b"new")
        assert {f.name for f in tmp_path.iterdir()} == {"out", Path(live.name).name}


def dense(value: float) -> onnx.ModelProto:
    weights = numpy_helper.from_array(np.full((64, 64), value, np.float32), "w")
    infos = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["N", 64]) for n in "xy"]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return helper.make_model(helper.make_graph(nodes, "g", infos[:1], infos[1:], [weights]), ir_version=10)


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(large_models, "_MOST", 1024)
    monkeypatch.setattr(large_models, "_SET_ASIDE", 64)


def test_a_new_large_model_takes_the_old_weights_with_it(tmp_path, small_files, monkeypatch):
    path = tmp_path / "snn.onnx"
    for value in (1.0, 2.0, 2.0):
        write_model(path, dense(value))
        (beside,) = weight_files(path)
        assert {f.name for f in tmp_path.iterdir()} == {path.name, beside.name}
        assert read_model(path) == dense(value)
    write_whole(tmp_path / "snn.onnx.other.data", b"not ours")
    monkeypatch.setattr(large_models, "_MOST", 10**6)
    write_model(path, dense(3.0))
    assert {f.name for f in tmp_path.iterdir()} == {path.name, "snn.onnx.other.data"}


def test_a_path_from_the_current_folder_keeps_the_weights(tmp_path, small_files, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(Path("snn.onnx"), dense(1.0))
    assert read_model(tmp_path / "snn.onnx") == dense(1.0)


def test_out_of_space_between_the_two_files_leaves_the_old_model(tmp_path, small_files, monkeypatch):
    path = tmp_path / "snn.onnx"
    write_model(path, dense(1.0))
    monkeypatch.setattr(atomic_write, "write_whole", lambda *_: (_ for _ in ()).throw(OutputError("full")))
    with pytest.raises(OutputError):
        write_model(path, dense(2.0))
    assert read_model(path) == dense(1.0)


_LOOP = """
import sys
from pathlib import Path
from snncc.io import large_models
from tests.io.test_files import dense
from snncc.io.atomic_write import write_model
large_models._MOST, large_models._SET_ASIDE = 1024, 64
value = 0
while True:
    value += 1
    write_model(Path(sys.argv[1]), dense(float(value)))
    print(value, flush=True)
"""


@pytest.mark.slow
def test_a_kill_leaves_an_old_or_a_new_model(tmp_path):
    path, rng = tmp_path / "snn.onnx", np.random.default_rng(0)
    for _ in range(5 * KILLS):
        process = subprocess.Popen([sys.executable, "-c", _LOOP, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None
        for _ in range(int(rng.integers(1, 5))):
            process.stdout.readline()
        time.sleep(float(rng.uniform(0, 0.01)))
        process.kill()
        process.wait()
        found = read_model(path)
        assert found == dense(float(numpy_helper.to_array(found.graph.initializer[0])[0, 0]))
    write_model(path, dense(0.5))
    assert len(list(tmp_path.iterdir())) <= 2

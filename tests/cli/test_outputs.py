# SPDX-License-Identifier: Apache-2.0
"""No command overwrites its inputs, for any form of the path, any output option and any input."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from snncc.io.atomic_write import write_model

ERROR = 1
READ = ("ann.onnx", "ann.weights", "snn.onnx", "train.npz", "test.npz")
# (command, where {out} is the output; what it reads in addition to the grid or the list of networks)
COMMANDS = {
    "convert -o": ("convert ann.onnx --calib train.npz -o {out}", "ann.onnx ann.weights train.npz"),
    "tune -o": ("tune ann.onnx --calib train.npz -o {out}", "ann.onnx ann.weights train.npz"),
    "run -o": ("run snn.onnx test.npz -o {out}", "snn.onnx test.npz"),
    "run --spikes": ("run snn.onnx test.npz --spikes {out}", "snn.onnx test.npz"),
    "run -o, folder": ("run snn.onnx images -o {out}", "snn.onnx images/a.png"),
    "report -o": (
        "report snn.onnx --ann ann.onnx --data test.npz --grid T=4 --calib train.npz -o {out}",
        "snn.onnx ann.onnx ann.weights test.npz train.npz",
    ),
    "check --junit": (
        "check snn.onnx --ann ann.onnx --data test.npz --calib train.npz --junit {out}",
        "snn.onnx ann.onnx ann.weights test.npz train.npz",
    ),
    "compare --csv": (
        "compare snn.onnx --ann ann.onnx --data test.npz --csv {out}",
        "snn.onnx ann.onnx ann.weights test.npz",
    ),
    "compare --latex": ("compare snn.onnx --ann ann.onnx --data test.npz --latex {out}", "snn.onnx ann.onnx test.npz"),
    "export -o": ("export snn.onnx --to nir -o {out}", "snn.onnx"),
    "debug reduce -o": ("debug reduce ann.onnx --check true -o {out}", "ann.onnx ann.weights"),
    "tables --csv": (
        "tables one_spike I --networks networks.toml --csv {out}",
        "networks.toml ann.onnx ann.weights train.npz test.npz",
    ),
    "tables --latex": ("tables one_spike I --network n=ann.onnx,train.npz,test.npz --latex {out}", "ann.onnx test.npz"),
    "sweep -o": ("sweep grid.toml -o {out}", "grid.toml ann.onnx ann.weights train.npz test.npz"),
    "sweep --csv": ("sweep grid.toml -o store.db --csv {out}", "grid.toml ann.onnx ann.weights train.npz test.npz"),
    "sweep --parquet": ("sweep grid.toml -o store.db --parquet {out}", "grid.toml ann.onnx test.npz"),
}
CASES = [(name, read) for name, (_, inputs) in COMMANDS.items() for read in inputs.split()]
_GRID = """
[[model]]
path = "ann.onnx"
data = "test.npz"
calib = "train.npz"
[[coding]]
name = "fs"
K = [2]
"""
_NETWORKS = '[n]\nmodel = "ann.onnx"\ncalib = "train.npz"\ntest = "test.npz"\n'


def hard(file: Path) -> Path:
    (file.parent / "hard").hardlink_to(file)
    return file.parent / "hard"


def soft(file: Path) -> Path:
    (file.parent / "soft").symlink_to(file)
    return file.parent / "soft"


SPELLINGS: dict[str, Callable[[Path], Path]] = {
    "itself": lambda file: file,
    "hard link": hard,
    "symbolic link": soft,
    "through the folder": lambda file: file.parent / ".." / file.parent.name / file.name,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name in ("snn.onnx", "train.npz", "test.npz"):
        shutil.copy(digits / name, folder / name)
    onnx.save(
        onnx.load(digits / "ann.onnx"),
        folder / "ann.onnx",
        save_as_external_data=True,
        location="ann.weights",
        size_threshold=0,
    )
    (folder / "images").mkdir()
    (folder / "images" / "a.png").write_bytes(b"no picture")
    (folder / "grid.toml").write_text(_GRID)
    (folder / "networks.toml").write_text(_NETWORKS)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.mark.parametrize(("name", "read"), CASES)
def test_what_is_read_stays(snncc, sources, tmp_path, monkeypatch, name, read) -> None:
    shutil.copytree(sources, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for spell in SPELLINGS.values():
        output = spell(Path.cwd() / read)
        before = content(Path.cwd())
        command = COMMANDS[name][0].split()
        result = snncc(*(str(output) if word == "{out}" else word for word in command))
        assert result.exit_code == ERROR, result.output
        # Weights with a second name on the disk are not read in the first place.
        assert "is read by this command" in result.stderr or "is a hard link" in result.stderr
        assert content(Path.cwd()) == before
        for link in ("hard", "soft"):
            (output.parent / link).unlink(missing_ok=True)


def test_figures_do_not_replace_images(snncc, sources, tmp_path, monkeypatch) -> None:
    """The names of figures are known only when they are there."""
    from snncc.cli.commands import report

    image = tmp_path / "accuracy.png"
    image.write_bytes(b"mine")
    with pytest.raises(Exception, match="read by this command"):
        report._write_all(tmp_path, {"accuracy.png": b"figure"}, [tmp_path])
    assert image.read_bytes() == b"mine"


def test_two_outputs_are_two_files(snncc, sources, tmp_path) -> None:
    output = tmp_path / "out.npz"
    command = ("run", sources / "snn.onnx", sources / "test.npz", "-o", output)
    for other in (output, tmp_path / ".." / tmp_path.name / "out.npz"):
        result = snncc(*command, "--spikes", other)
        assert result.exit_code == ERROR
        assert "is named by both -o and --spikes" in result.stderr


def test_weights_beside_the_output_that_the_source_needs_stay(snncc, tmp_path, monkeypatch) -> None:
    """`a.onnx` has its weights where a large `b.onnx` would remove its own old ones."""
    monkeypatch.setattr("snncc.io.large_models._MOST", 1024)
    monkeypatch.setattr("snncc.io.large_models._SET_ASIDE", 64)
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    value = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["N", 64]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
                              "net", value[:1], value[1:], [weights])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    write_model(tmp_path / "b.onnx", model)
    shutil.copy(tmp_path / "b.onnx", tmp_path / "a.onnx")
    before = content(tmp_path)
    result = snncc("convert", tmp_path / "a.onnx", "-o", tmp_path / "b.onnx", "--coding", "fs")
    assert result.exit_code == ERROR
    assert "is read by this command" in result.stderr
    assert content(tmp_path) == before


def test_every_option_that_writes_is_in_the_table() -> None:
    """A new one is found by its metavar or its help."""
    from snncc.cli import main

    known = {name.split(",")[0] for name in COMMANDS} | {"report --figures", "convert --dump-dir", "tune --dump-dir"}
    known |= {"fit-fs -o"}  # reads and writes the same table, on purpose
    found = set()
    groups = [("", main)]
    while groups:
        prefix, group = groups.pop()
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                groups.append((f"{prefix}{name} ", command))
            for option in command.params:
                help_text = (getattr(option, "help", None) or "").lower()
                writes = option.opts[0] == "-o" or "write" in help_text or "save " in help_text
                if writes and not getattr(option, "is_flag", False):
                    found.add(f"{prefix}{name} {option.opts[0]}")
    assert found == known, found ^ known


def test_a_new_name_is_written(snncc, sources, tmp_path) -> None:
    """Else the tests above would pass where nothing is ever written."""
    result = snncc("run", sources / "snn.onnx", sources / "test.npz", "-o", tmp_path / "out.npz")
    assert result.exit_code == 0
    assert (tmp_path / "out.npz").is_file()

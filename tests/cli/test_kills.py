# SPDX-License-Identifier: Apache-2.0
"""A killed command leaves the old or the new file complete; the next run removes temporary files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from snncc.models.seeded import SeededNetwork
from tests.effort import KILLS

ROOT = Path(__file__).parents[2]
# (command, what it writes)
COMMANDS = {
    "convert": ("convert ann.onnx --calib train.npz -o out/y.onnx", "y.onnx"),
    "convert, step form": ("convert ann.onnx --calib train.npz --form step -o out/y.onnx", "y.onnx"),
    "tune": ("tune ann.onnx --calib train.npz -o out/y.onnx", "y.onnx"),
    "run": ("run snn.onnx test.npz -o out/y.npz --spikes out/s.npz", "y.npz s.npz"),
    "report": ("report snn.onnx --ann ann.onnx --data test.npz -o out/r.html", "r.html"),
    "check": ("check snn.onnx --ann ann.onnx --data test.npz --junit out/c.xml", "c.xml"),
    "compare": ("compare snn.onnx --ann ann.onnx --data test.npz --csv out/t.csv --latex out/t.tex", "t.csv t.tex"),
    "export": ("export rate.onnx --to nir -o out/n.nir", "n.nir"),
    "debug reduce": ("debug reduce ann.onnx --check true<{} -o out/y.onnx", "y.onnx"),
    "tables": ("tables one_spike I --network n=ann.onnx,train.npz,test.npz --csv out/t.csv", "t.csv"),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("killed") / "sources"
    shutil.copytree(digits, folder)
    (folder / "out").mkdir()
    for name in ("train", "test"):  # fewer samples, as the commands run often
        with np.load(folder / f"{name}.npz") as samples:
            np.savez(folder / f"{name}.npz", **{key: samples[key][:40] for key in samples.files})
    net = SeededNetwork("dense", (6,), 0)  # NIR has no maximum pooling
    hidden = net.act(net.linear(net.input, "first", 8), "first.relu")
    onnx.save(net.builder.build(net.linear(hidden, "last", 4), "logits", 4), folder / "dense.onnx")
    np.savez(folder / "dense.npz", **{net.input: np.random.default_rng(0).random((40, 6), np.float32)})
    rate = ["convert", "dense.onnx", "--calib", "dense.npz", "--coding", "rate", "--shift", "bias", "--no-signed"]
    rate += ["-o", "rate.onnx"]
    subprocess.run([sys.executable, "-m", "snncc.cli", *rate], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_kills(sources: Path, tmp_path: Path, name: str) -> None:
    command, names = COMMANDS[name]
    folder = shutil.copytree(sources, tmp_path / "here")
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.killed", str(folder), "0", str(KILLS), names, *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["broken"] == []
    assert found["unwritten"] == []
    assert set(names.split()) <= set(found["expected"])
    kept = {name for name in found["left"] if not name.endswith(".data")}
    assert kept == {name for name in found["expected"] if not name.endswith(".data")}
    assert len(found["left"]) == len(found["expected"])

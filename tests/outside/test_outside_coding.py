# SPDX-License-Identifier: Apache-2.0
"""A coding of another package, found by its entry point: every command takes it, and snncc does not name it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from snncc.models import digits_network
from snncc.models.digits import load_digits

MODULE = Path(__file__).parent / "signed_threshold.py"
CODING = ("--coding", "signed-threshold")
MODEL, DATA, CALIB = ("--ann", "ann.onnx"), ("--data", "test.npz"), ("--calib", "train.npz")
SWEEP = """
[[model]]
path = "ann.onnx"
data = "test.npz"
calib = "train.npz"

[[coding]]
name = "signed-threshold"
thresholds = [4, 6]
"""


def declare(folder, name, value):
    """What pip leaves of an installed package with one entry point."""
    found = folder / f"{name}-1.0.dist-info"
    found.mkdir()
    (found / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (found / "entry_points.txt").write_text(f"[snncc.codings]\n{name} = {value}\n", encoding="utf-8")


def run(folder, *arguments, packages=None):
    """The command in a process of its own, which sees the packages in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(packages or folder / "packages"), "COLUMNS": "120"}
    command = [sys.executable, "-m", "snncc.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the digits network, data, and the network as converted with the coding."""
    found = tmp_path_factory.mktemp("outside")
    (found / "ann.onnx").write_bytes(digits_network())
    (found / "sweep.toml").write_text(SWEEP, encoding="utf-8")
    packages = found / "packages"
    packages.mkdir()
    shutil.copy(MODULE, packages)
    declare(packages, "signed-threshold", "signed_threshold:SignedThreshold")
    data = load_digits()
    np.savez(found / "train.npz", input=data.train_images[:200], labels=data.train_labels[:200])
    np.savez(found / "test.npz", input=data.test_images[:50], labels=data.test_labels[:50])
    result = run(found, "convert", "ann.onnx", "-o", "snn.onnx", *CODING, "--thresholds", 6, *CALIB)
    assert result.returncode == 0, result.stderr
    return found


COMMANDS = {
    "inspect": (("inspect", "snn.onnx"), "signed-threshold"),
    "run": (("run", "snn.onnx", "test.npz", "-o", "out.npz", "--spikes", "spikes.npz"), "wide.relu_neuron"),
    "evaluate": (("evaluate", "snn.onnx", *MODEL, *DATA, "--layers"), "wide.relu_neuron"),
    "check": (("check", "snn.onnx", *MODEL, *DATA, *CALIB), "19 of 19 checks passed"),
    "compare": (("compare", "snn.onnx", *MODEL, *DATA), "signed-threshold thresholds=6"),
    "report": (("report", "snn.onnx", *MODEL, *DATA, "-o", "report.html"), "Wrote report.html"),
    "tune": (("tune", "ann.onnx", "-o", "tuned.onnx", *CODING, *CALIB), "Tuned:"),
    "sweep": (("sweep", "sweep.toml", "-o", "sweep.json"), "signed-threshold thresholds=4"),
    "max-drop": (("convert", "ann.onnx", "-o", "small.onnx", *CODING, *CALIB, "--max-drop", 2), "thresholds=2"),
    "encoded": (("convert", "ann.onnx", "-o", "coded.onnx", *CODING, *CALIB, "--input", "signed"), "Wrote coded.onnx"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_it(folder, command):
    arguments, shown = COMMANDS[command]
    result = run(folder, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert shown in result.stdout


def test_the_help_lists_its_options(folder):
    text = run(folder, "convert", "--help").stdout
    section = text.partition("Signed spikes of several thresholds (--coding signed-threshold):\n")[2]
    assert section.split("\n\n")[0].split("\n")[0].strip().startswith("--thresholds INTEGER")
    assert "Number of thresholds.  [default: 8]" in section
    assert "--input [binary|one|analog|signed]" in section


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--thresholds", 30), 1, "OptionError: thresholds is 30, but there may be 1 to 24"),
        (("--highest", 0), 1, "OptionError: highest is 0.0, which is out of its range"),
        (("--K", 8), 2, "--K belongs to --coding fs, not to signed-threshold."),
        (("--levels", "fitted"), 2, "--levels belongs to --coding phase, not to signed-threshold."),
        (("--input", "one"), 1, "OptionError: input is 'one', but it must be one of signed, analog"),
    ],
)
def test_values_out_of_range(folder, tmp_path, options, code, message):
    result = run(folder, "convert", "ann.onnx", "-o", tmp_path / "s.onnx", *CODING, *options)
    assert (result.returncode, list(tmp_path.iterdir())) == (code, [])
    assert message in result.stderr


def test_the_check_finds_other_parameters_and_too_many_spikes(folder, tmp_path):
    model = onnx.load(folder / "snn.onnx")
    entry = next(p for p in model.metadata_props if p.key == "snncc.coding")
    entry.value = json.dumps({**json.loads(entry.value), "thresholds": 3})
    onnx.save(model, tmp_path / "spoilt.onnx")
    result = run(folder, "check", tmp_path / "spoilt.onnx", *MODEL, *DATA)
    assert result.returncode == 1
    assert "its PhaseNeuron does not send what the coding makes of the same values" in result.stdout
    assert "spikes, its coding allows 3" in result.stdout


def test_without_the_package_the_model_is_refused(folder, tmp_path):
    result = run(folder, "evaluate", "snn.onnx", *MODEL, *DATA, packages=tmp_path)
    assert result.returncode == 1
    assert "ModelError: snn.onnx: the metadata entry snncc.coding is damaged." in result.stderr


BROKEN = {
    "gone:Coding": "ModuleNotFoundError: No module named 'gone'",
    "json:loads": "json:loads is no class derived from snncc.coding.Coding",
    "snncc.coding:Coding": "snncc.coding:Coding lacks ",
    "snncc.coding:Phase": "snncc.coding:Phase has another name",
}


@pytest.mark.parametrize("value", BROKEN)
def test_a_package_that_cannot_be_used_is_named(folder, tmp_path, value):
    declare(tmp_path, "other", value)
    result = run(folder, "convert", "ann.onnx", "-o", tmp_path / "s.onnx", packages=tmp_path)
    assert result.returncode == 1
    assert "CodingError: the package other declares the coding 'other', which cannot be used" in result.stderr
    assert BROKEN[value] in result.stderr
    assert result.stderr.strip().endswith("Repair the package or uninstall it.")

# SPDX-License-Identifier: Apache-2.0
"""Third-party codings, found by entry points: every command supports them, and snncc does not name them."""

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

CLASSES = {"signed-threshold": "signed_threshold:SignedThreshold", "signed-steps": "signed_steps:SignedSteps"}
LETTERS = {"signed-threshold": "thresholds", "signed-steps": "T"}
CODING = ("--coding", "signed-threshold")
MODEL, DATA, CALIB = ("--ann", "ann.onnx"), ("--data", "test.npz"), ("--calib", "train.npz")
SWEEP = """
[[model]]
path = "ann.onnx"
data = "test.npz"
calib = "train.npz"

[[coding]]
name = "{name}"
{letter} = [4, 6]
"""


def declare(folder, package, classes):
    """What pip leaves of an installed package with entry points."""
    found = folder / f"{package}-1.0.dist-info"
    found.mkdir()
    (found / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    listed = "\n".join(f"{name} = {value}" for name, value in classes.items())
    (found / "entry_points.txt").write_text(f"[snncc.codings]\n{listed}\n", encoding="utf-8")


def run(folder, *arguments, packages=None):
    """Run the command in a new process that sees the packages in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(packages or folder / "packages"), "COLUMNS": "120"}
    command = [sys.executable, "-m", "snncc.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the digits network, data, and the network as converted with each coding."""
    found = tmp_path_factory.mktemp("outside")
    (found / "ann.onnx").write_bytes(digits_network())
    packages = found / "packages"
    packages.mkdir()
    for module in ("signed_threshold.py", "signed_steps.py"):
        shutil.copy(Path(__file__).parent / module, packages)
    declare(packages, "signed", CLASSES)
    data = load_digits()
    np.savez(found / "train.npz", input=data.train_images[:200], labels=data.train_labels[:200])
    np.savez(found / "test.npz", input=data.test_images[:50], labels=data.test_labels[:50])
    for name, letter in LETTERS.items():
        result = run(found, "convert", "ann.onnx", "-o", f"{name}.onnx", "--coding", name, f"--{letter}", 6, *CALIB)
        assert result.returncode == 0, result.stderr
        (found / f"{name}.toml").write_text(SWEEP.format(name=name, letter=letter), encoding="utf-8")
    return found


# Arguments, and what is shown; with the coding's name and the field of its steps.
COMMANDS = {
    "inspect": ("inspect {name}.onnx", "coding.{letter}"),
    "run": ("run {name}.onnx test.npz -o out.npz --spikes spikes.npz", "wide.relu_neuron"),
    "evaluate": ("evaluate {name}.onnx --ann ann.onnx --data test.npz --layers", "wide.relu_neuron"),
    "check": ("check {name}.onnx --ann ann.onnx --data test.npz --calib train.npz", "19 of 19 checks passed"),
    "compare": ("compare {name}.onnx --ann ann.onnx --data test.npz", "{name} {letter}=6"),
    "report": ("report {name}.onnx --ann ann.onnx --data test.npz -o {name}.html", "Wrote {name}.html"),
    "tune": ("tune ann.onnx -o tuned.onnx --coding {name} --calib train.npz", "Tuned:"),
    "sweep": ("sweep {name}.toml -o {name}.json", "{name} {letter}=4"),
    "max-drop": ("convert ann.onnx -o small.onnx --coding {name} --calib train.npz --max-drop 2", "{letter}="),
}


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_it(folder, command, name):
    arguments, shown = (text.format(name=name, letter=LETTERS[name]) for text in COMMANDS[command])
    result = run(folder, *arguments.split())
    assert result.returncode == 0, result.stdout + result.stderr
    assert shown in result.stdout


@pytest.mark.parametrize("form", ["loop", "step"])
def test_over_time_it_has_all_forms(folder, tmp_path, form):
    made = ("convert", "ann.onnx", "-o", tmp_path / "s.onnx", "--coding", "signed-steps", "--T", 6, *CALIB)
    assert run(folder, *made, "--form", form).returncode == 0
    for file, out in ((tmp_path / "s.onnx", "own.npz"), ("signed-steps.onnx", "folded.npz")):
        result = run(folder, "run", file, "test.npz", "-o", tmp_path / out)
        assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "own.npz") as own, np.load(tmp_path / "folded.npz") as folded:
        assert own.files == folded.files
        assert all(np.allclose(own[name], folded[name], atol=1e-4) for name in own.files)


def test_its_input_is_coded(folder, tmp_path):
    result = run(folder, "convert", "ann.onnx", "-o", tmp_path / "s.onnx", *CODING, *CALIB, "--input", "signed")
    assert result.returncode == 0, result.stderr
    assert len(onnx.load(tmp_path / "s.onnx").functions) == 1
    assert sum(node.op_type == "PhaseNeuron" for node in onnx.load(tmp_path / "s.onnx").graph.node) == 5


def test_the_help_lists_its_options(folder):
    text = run(folder, "convert", "--help").stdout
    section = text.partition("Signed spikes of several thresholds (--coding signed-threshold):\n")[2]
    assert section.split("\n\n")[0].split("\n")[0].strip().startswith("--thresholds INTEGER")
    assert "Number of thresholds.  [default: 8]" in section
    assert "--input [binary|one|analog|signed]" in section


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--thresholds", 30), 2, "Error: thresholds is 30, but there may be 1 to 24"),
        (("--highest", 0), 2, "Error: highest is 0.0, which is out of its range"),
        (("--K", 8), 2, "--K belongs to --coding fs, not to signed-threshold."),
        (("--levels", "fitted"), 2, "--levels belongs to --coding phase or differential, not to signed-threshold."),
        (("--input", "one"), 2, "Error: input is 'one', but it must be one of signed, analog"),
    ],
)
def test_values_out_of_range(folder, tmp_path, options, code, message):
    result = run(folder, "convert", "ann.onnx", "-o", tmp_path / "s.onnx", *CODING, *options)
    assert (result.returncode, list(tmp_path.iterdir())) == (code, [])
    assert message in result.stderr


def test_the_check_finds_other_parameters_and_too_many_spikes(folder, tmp_path):
    model = onnx.load(folder / "signed-threshold.onnx")
    entry = next(p for p in model.metadata_props if p.key == "snncc.coding")
    entry.value = json.dumps({**json.loads(entry.value), "thresholds": 3})
    onnx.save(model, tmp_path / "spoilt.onnx")
    result = run(folder, "check", tmp_path / "spoilt.onnx", *MODEL, *DATA)
    assert result.returncode == 1
    assert "its PhaseNeuron does not send what the coding makes of the same values" in result.stdout
    assert "spikes, its coding allows 3" in result.stdout


def test_without_the_package_the_model_is_refused(folder, tmp_path):
    result = run(folder, "evaluate", "signed-threshold.onnx", *MODEL, *DATA, packages=tmp_path)
    assert result.returncode == 1
    assert "Error: signed-threshold.onnx: the metadata entry snncc.coding is damaged." in result.stderr


BROKEN = {
    "gone:Coding": "ModuleNotFoundError: No module named 'gone'",
    "json:loads": "json:loads is no class derived from snncc.coding.Coding",
    "snncc.coding:Coding": "snncc.coding:Coding lacks ",
    "snncc.coding:Phase": "snncc.coding:Phase has another name",
}


@pytest.mark.parametrize("value", BROKEN)
def test_a_package_that_cannot_be_used_is_named(folder, tmp_path, value):
    declare(tmp_path, "other", {"other": value})
    result = run(folder, "convert", "ann.onnx", "-o", tmp_path / "s.onnx", packages=tmp_path)
    assert result.returncode == 1
    assert "Error: the package other declares the coding 'other', which cannot be used" in result.stderr
    assert BROKEN[value] in result.stderr
    assert result.stderr.strip().endswith("Repair the package or uninstall it.")

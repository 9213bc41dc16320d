# SPDX-License-Identifier: Apache-2.0
"""docs/ci.md: its commands run, its hook is the shipped one, its table lists every check."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from snncc.tools.check.github import annotation
from snncc.tools.check.run import CheckResult
from snncc.tools.check.structure import STRUCTURE

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


@pytest.fixture
def repository(digits, tmp_path, monkeypatch):
    """A folder with models and data where the example has them; the test's working folder."""
    for folder, names in {"models": ("ann.onnx", "snn.onnx"), "data": ("train.npz", "test.npz")}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            shutil.copy(digits / name, tmp_path / folder / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_workflow_run(snncc, repository):
    commands = [shlex.split(line) for line in re.findall(r"- run: (snncc .*)", DOCS)]
    assert [words[1] for words in commands] == ["convert", "check", "evaluate"]
    for _, *words in commands:
        into = words.index(">") if ">" in words else len(words)
        result = snncc(*words[:into])
        assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["samples"] == 100
    assert 'failures="0"' in (repository / "check.xml").read_text()


def test_the_hook_checks_the_model(snncc, repository):
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^[- ] (\w+): (.*)$", hook, flags=re.MULTILINE))
    assert fields["id"] == re.search(r"- id: (\S+)", DOCS)[1]
    assert (fields["language"], fields["pass_filenames"]) == ("python", "false")
    assert all(re.search(fields["files"], name) for name in ("models/snn.onnx", "data/test.npz"))
    assert not re.search(fields["files"], "README.md")
    program, *words = shlex.split(fields["entry"])
    assert program == "snncc"
    words += [word.strip(' "') for word in re.search(r"args: \[(.*)\]", DOCS)[1].split(",")]
    assert snncc(*words).exit_code == 0
    (repository / "models" / "snn.onnx").write_bytes((repository / "models" / "ann.onnx").read_bytes())
    assert snncc(*words).exit_code == 1


def test_every_check_is_listed():
    listed = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", DOCS, flags=re.MULTILINE)))
    others = ["calibration-data", "kernel", "spike-limit", "max-drop", "max-spikes", "min-energy-gain", "agree"]
    assert listed == [*STRUCTURE, *others]


def test_annotations_escape_what_github_reads():
    result = CheckResult("agree", False, "50 % differ:\n'a', 'b'")
    line = annotation(result, "models/a,b:c.onnx")
    assert line == ("::error file=models/a%2Cb%3Ac.onnx,title=snncc check%3A agree::50 %25 differ:%0A'a', 'b'")


@pytest.mark.parametrize(
    ("variable", "flags", "annotated"),
    [
        (None, [], False),
        ("true", [], True),
        ("true", ["--no-github"], False),
        (None, ["--github"], True),
        ("true", ["--json"], True),
    ],
)
def test_failures_are_annotated(snncc, digits, monkeypatch, variable, flags, annotated):
    if variable:
        monkeypatch.setenv("GITHUB_ACTIONS", variable)
    data = ["--ann", digits / "ann.onnx", "--data", digits / "test.npz", "--limit", 16]
    result = snncc("check", digits / "snn.onnx", *data, "--max-spikes", 0.01, "--agree", 0.1, *flags)
    assert result.exit_code == 1
    assert "::error" not in result.stdout
    if not annotated:
        assert result.stderr == ""
        return
    (line,) = result.stderr.splitlines()
    assert re.match(r"::error file=\S*snn.onnx,title=snncc check%3A max-spikes::0.\d+ spikes per neuron", line)
    if flags == ["--json"]:
        assert not json.loads(result.stdout)["passed"]


def test_calibration_data_are_compared(snncc, digits):
    data = ["--ann", digits / "ann.onnx", "--data", digits / "test.npz", "--limit", 16]
    assert snncc("check", digits / "snn.onnx", *data, "--calib", digits / "train.npz").exit_code == 0
    result = snncc("check", digits / "snn.onnx", *data, "--calib", digits / "test.npz")
    assert result.exit_code == 1
    assert "FAILED  calibration-data: scales come from 300 samples" in result.stdout

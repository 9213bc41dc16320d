# SPDX-License-Identifier: Apache-2.0
"""Model names cannot send control sequences to a terminal; interrupts and full disks give a one-line error."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import click
import onnx
import pytest
from click.testing import CliRunner

from snncc.cli import main
from snncc.cli.output import printable

EVIL = "\x1b]52;c;cm0=\x07\x9b2J\u202egpj\u2028"
COMMANDS = [
    "inspect {ann}",
    "inspect {snn}",
    "inspect {snn} --json",
    "run {snn} {test} --limit 4",
    "run {snn} {test} --limit 4 --spikes {folder}/spikes.npz",
    "evaluate {snn} --ann {ann} --data {test} --limit 20 --layers",
    "evaluate {snn} --ann {ann} --data {test} --limit 20 --layers --json",
    "check {snn} --ann {ann} --data {test} --limit 20",
    "debug layers {snn} --ann {ann} --data {test} --limit 20",
    "debug reduce {ann} --check true -o {folder}/small.onnx",
    "bench {snn} --ann {ann} --layers",
    "convert {ann} --coding fs --K 4 -o {folder}/again.onnx -vv",
    "convert {snn} -o {folder}/no.onnx",
    "convert {broken} -o {folder}/no.onnx",
]


def hostile(source: Path, target: Path, op_type: str = "") -> None:
    model = onnx.load(source)
    model.graph.name = EVIL
    names = {name for node in model.graph.node for name in (*node.input, *node.output) if name}
    names -= {value.name for value in model.graph.input}
    renamed = {name: f"{name}{EVIL}" for name in names}
    for node in model.graph.node:
        node.name = f"{node.name}{EVIL}"
        for field in (node.input, node.output):
            field[:] = [renamed.get(name, name) for name in field]
    for value in (*model.graph.output, *model.graph.initializer, *model.graph.value_info):
        value.name = renamed.get(value.name, value.name)
    if op_type:
        model.graph.node[-1].op_type = op_type
        model.graph.node[-1].domain = f"d{EVIL}"
    onnx.save(model, target)


@pytest.fixture(scope="module")
def places(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("hostile")
    found = {name: folder / f"{name}.onnx" for name in ("ann", "snn", "broken")}
    hostile(digits / "ann.onnx", found["ann"])
    hostile(digits / "ann.onnx", found["broken"], f"Odd{EVIL}")
    arguments = ["convert", str(found["ann"]), "-o", str(found["snn"]), "--calib", str(digits / "train.npz")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    return {**found, "test": digits / "test.npz", "folder": folder}


def obeyed(text: str) -> set[str]:
    return {c for c in text if (unicodedata.category(c) in ("Cc", "Zl") and c not in "\n\t") or c == "\u202e"}


@pytest.mark.parametrize("command", COMMANDS)
def test_names_are_printed_without_what_a_terminal_obeys(snncc, places, command) -> None:
    result = snncc(*(word.format(**places) for word in command.split()))
    assert obeyed(result.output) == set()
    if "--layers" in command and "--json" not in command:
        assert "\\x1b" in result.output.replace("\n", "").replace(" ", "")  # names are there at all


def test_printable_keeps_what_is_harmless() -> None:
    assert printable("λ × ü\n\tあ") == "λ × ü\n\tあ"
    assert printable("a\x1b[2J\x7f\x85") == "a\\x1b[2J\\x7f\\x85"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["ops"], ["inspect", "{ann}"]])
def test_a_full_disk_behind_stdout_is_an_error(places, words) -> None:
    command = [sys.executable, "-c", "from snncc.cli import main; main()", *(w.format(**places) for w in words)]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == f"Error: stdout cannot be written ({os.strerror(28)}).\n"


def test_an_interruption_ends_in_a_line_and_130(snncc, monkeypatch) -> None:
    @click.command()
    def endless() -> None:
        raise KeyboardInterrupt  # as Python does where SIGINT arrives

    monkeypatch.setitem(main.commands, "endless", endless)
    result = snncc("endless")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"

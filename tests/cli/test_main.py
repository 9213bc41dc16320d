# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from snncc.cli.command_group import COMMANDS, main
from snncc.io.progress import shown, track


def test_installed_command_answers():
    program = Path(sysconfig.get_path("scripts")) / "snncc"
    result = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert {"convert", "run", "evaluate", "check", "inspect", "ops", "demo"} <= set(result.stdout.split())
    assert result.stderr == ""


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help(snncc, name):
    result = snncc(name, "--help")
    assert result.exit_code == 0
    assert main.commands[name].help


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_list_of_commands_has_the_short_help_of_each(name):
    assert COMMANDS[name] == main.commands[name].get_short_help_str(limit=80)
    assert main.commands[name].name == name


def test_help_imports_no_command_and_no_compiler():
    code = "import sys; from snncc.cli import main; main(['--help'], standalone_mode=False); "
    code += (
        "print([m for m in sys.modules if m.startswith(('snncc.cli.commands.', 'snncc.compiler', 'onnx', 'numpy'))])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_version(snncc):
    assert re.search(r"version \d+\.\d+\.\d+", snncc("--version").stdout)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "step", "drawn"), [(Terminal, 1.5, True), (Terminal, 0, False), (io.StringIO, 1.5, False)]
)
def test_bars_show_on_a_terminal_after_two_seconds(monkeypatch, stream, step, drawn):
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += step
        return now

    target = stream()
    monkeypatch.setattr(sys, "stderr", target)
    monkeypatch.setattr(time, "monotonic", clock)
    with shown():
        assert list(track(range(4), "counting", 4)) == [0, 1, 2, 3]
    assert ("counting" in target.getvalue()) == drawn


def test_a_loop_within_a_loop_draws_no_second_bar(monkeypatch):
    target, now = Terminal(), itertools.count(0, 1.5)
    monkeypatch.setattr(sys, "stderr", target)
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    with shown():
        for _ in track(range(3), "outer", 3):
            list(track(range(4), "inner", 4))
    first, later = target.getvalue().split("outer", 1)
    assert "inner" in first
    assert "inner" not in later


def test_bars_are_silent_for_library_users(monkeypatch):
    target = Terminal()
    monkeypatch.setattr(sys, "stderr", target)
    assert list(track(range(3), "counting", 3)) == [0, 1, 2]
    assert target.getvalue() == ""

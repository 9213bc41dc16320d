# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

FAST = ("fit-fs", "hardsigmoid", "--K", 2, "--range", -4, 4)


def test_prints_the_tables_and_the_errors(snncc):
    lines = snncc(*FAST).stdout.splitlines()
    assert lines[0] == "hardsigmoid in 2 steps"
    assert lines[1].split() == ["t", "T:", "threshold", "h:", "reset", "d:", "value"]
    assert [line.split()[0] for line in lines[3:5]] == ["1", "2"]
    assert "On [-4, 4] the root mean square error is 0." in lines[-1]
    assert max(map(len, lines)) <= 80


def test_json_and_the_file_hold_the_same(snncc, tmp_path):
    out = tmp_path / "tables.json"
    found = json.loads(snncc(*FAST, "--seed", 1, "--json", "-o", out).stdout)
    assert (found["activation"], found["K"], found["low"], found["high"], found["seed"]) == ("hardsigmoid", 2, -4, 4, 1)
    assert len(found["T"]) == len(found["h"]) == len(found["d"]) == 2
    assert json.loads(out.read_text()) == [found]


def test_the_file_keeps_other_tables(snncc, tmp_path):
    out = tmp_path / "tables.json"
    for arguments in (FAST, ("fit-fs", "tanh", "--K", 1), (*FAST, "--seed", 2)):
        assert snncc(*arguments, "-o", out).exit_code == 0
    found = [(t["activation"], t["K"], t["low"], t["seed"]) for t in json.loads(out.read_text())]
    assert found == [("hardsigmoid", 2, -4, 2), ("tanh", 1, -4, 0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit-fs", "sine"), "Error: there is no activation 'sine'"),
        (("fit-fs", "tanh", "--K", 0), "Error: K is 0"),
        (("fit-fs", "tanh", "--range", 3, 1), "Error: the range is [3, 1]"),
        (("fit-fs", "tanh", "-o", "/nowhere/x.json"), "Error: /nowhere/x.json"),
    ],
)
def test_errors_are_one_line(snncc, arguments, message):
    result = snncc(*arguments)
    assert result.exit_code == (1 if "-o" in arguments else 2)
    assert result.stderr.startswith(message)
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_file_of_something_else_is_left_alone(snncc, tmp_path):
    out = tmp_path / "notes.txt"
    out.write_text("not tables")
    result = snncc(*FAST, "-o", out)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert out.read_text() == "not tables"

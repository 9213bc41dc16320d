# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from snncc.cli import main
from snncc.cli.output import print_table, print_text


def test_a_table_has_no_blanks_around_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    title = "a title that is much wider than the terminal" * 3
    print_table(title, ("op", "count"), [("Conv", 4), ("Relu", "")])
    print_text("text\n")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == title
    assert lines[1].split() == ["op", "count"]
    assert [line.split() for line in lines[3:]] == [["Conv", "4"], ["Relu"], [], ["text"], []]
    assert all(line == line.rstrip() for line in lines[1:])


def test_without_a_title_the_head_comes_first(capsys):
    print_table("", ("op", "count"), [("Conv", 4)])
    assert capsys.readouterr().out.split("\n")[0].split() == ["op", "count"]


def test_no_summary_of_a_command_is_cut(snncc):
    text = snncc("-h").stdout
    commands = text[text.index("Commands:") :].splitlines()[1:]
    assert len(commands) == len(main.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)
    assert max(map(len, text.splitlines())) <= 80

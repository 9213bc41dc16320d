# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from snncc.tools.paper_tables import PAPERS, fill, read_paper
from snncc.tools.text_tables import Table, parts, ruled, short, to_csv, to_latex

TABLE = Table(
    "Loss, 100 % of it",
    ("network", "top-1 %", "drop_points", "γ"),
    (("a", "1", "", "x & y"), ("b" * 60, "2", "[3]", "{~}")),
    notes=("Here.",),
)


def test_names_lose_their_middle():
    assert short("resnet20", 8) == "resnet20"
    assert short("resnet20_phase", 8) == "res…hase"


@pytest.mark.parametrize("width", [20, 48, 56, 80, 200])
def test_parts_show_every_column_once_and_fit(width):
    found = parts(TABLE, width)
    assert [c for part in found for c in part.columns[1:]] == list(TABLE.columns[1:])
    for part in found:
        assert part.columns[0] == "network"
        assert part.rows[1][0] == short("b" * 60, 24)
        widest = [max(map(len, column)) for column in zip(part.columns, *part.rows, strict=True)]
        assert len(part.columns) == 2 or 2 + sum(widest) + 3 * (len(widest) - 1) <= width
    assert (len(found) == 1) == (width >= 2 + 24 + 7 + 11 + 5 + 9)


def test_a_table_of_names_alone_is_one_part():
    names = Table("", ("a", "b"), (("x", "y"),), keys=2)
    assert parts(names, 80) == [names]


def test_csv_holds_the_cells_as_they_are():
    first, second = to_csv([TABLE, TABLE]).split("\n\n")
    assert list(csv.reader(io.StringIO(first))) == [list(TABLE.columns), *map(list, TABLE.rows)]
    assert first == second.rstrip("\n")


GROUPED = Table(
    "*",
    ("network", "from", "T", "loss"),
    (("[a]", "paper", ">9", "-0.1"), ("*b", "paper", "<3", "1-2"), ("c", "here", "α|γ", "Zoë")),
    groups="from",
)


def test_rules_stand_where_groups_change():
    plain, rules = ruled(GROUPED)
    assert (plain.columns, rules) == (("network", "T", "loss"), (2,))
    assert plain.rows[0] == ("[a]", ">9", "-0.1")
    assert ruled(plain) == (plain, ())
    assert next(csv.reader(io.StringIO(to_csv([GROUPED])))) == list(GROUPED.columns)


def test_latex_is_escaped():
    text = to_latex([TABLE])
    assert r"\caption{Loss, 100 \% of it. Here.}" in text
    assert r"\begin{tabular}{lrrr}" in text
    assert r"drop\_points" in text
    assert r"x \& y \\" in text
    assert r"& {[3]} & \{\textasciitilde{}\} \\" in text


def test_latex_of_groups():
    (rows,) = re.findall(r"\\midrule\n(.*)    \\bottomrule", to_latex([GROUPED]), re.DOTALL)
    assert rows.splitlines() == [
        r"    {[a]} & $>$9 & $-$0.1 \\",
        r"    {*b} & $<$3 & 1-2 \\",
        r"    \midrule",
        r"    c & $\alpha$\textbar{}$\gamma$ & Zoë \\",
    ]


@pytest.mark.parametrize(
    "table",
    [TABLE, GROUPED, *(fill(t) for name in PAPERS for t in read_paper(name).tables.values())],
    ids=lambda t: t.title[:24],
)
def test_latex_compiles_as_far_as_can_be_seen(table):
    text = to_latex([table, replace(table, title="Again")])
    assert text.count(r"\begin{tabular}") == 2
    assert faults(text) == []


@pytest.mark.parametrize(
    "broken",
    [
        r"\begin{table}",
        r"\begin{table}\end{tabular}",
        "a_b",
        "50 %",
        "{",
        "}",
        "$x",
        "a < b",
        "a | b",
        "α",
        "a & b",
        r"\unknown",
        r"\begin{tabular}{lr}a & b & c \\\end{tabular}",
        r"\begin{tabular}{lr}a & b\end{tabular}",
        r"\begin{tabular}{lr}a & b \\ [c] & d \\\end{tabular}",
        r"\begin{tabular}{lr}a & b \\ * & d \\\end{tabular}",
    ],
)
def test_broken_latex_is_seen(broken):
    assert faults(broken)


KNOWN = {"begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "ldots", "times"}
KNOWN |= {"textbackslash", "textasciitilde", "textasciicircum", "textbar", "textmu"}
KNOWN |= {"alpha", "gamma", "eta", "theta", "lambda", "tau", *"\\&%$#_{}"}


def faults(text: str) -> list[str]:
    """What LaTeX, with the package booktabs and its first fonts, would refuse in `text` or print wrongly."""
    found: list[str] = [f"letter {c}" for c in text if not (c.isascii() or 0xC0 <= ord(c) <= 0xFF)]
    inside: list[str] = []  # open environments and braces
    math, cells, wanted = False, 1, 0
    tokens = re.findall(r"\\begin\{\w+\}(?:\{[lr]+\})?|\\end\{\w+\}|\\[A-Za-z]+|\\.|.", text, re.DOTALL)
    for place, token in enumerate(tokens):
        if start := re.fullmatch(r"\\begin\{(\w+)\}(?:\{(\w+)\})?", token):
            inside.append(start[1])
            cells, wanted = 1, len(start[2] or "")
        elif token.startswith((r"\end{", "}")):
            opened = "{" if token == "}" else token[5:-1]
            if (inside.pop() if inside else "") != opened:
                found.append(f"{token} closes nothing")
            if opened == "tabular" and cells > 1:
                found.append("a row without an end")
        elif token == "{":
            inside.append(token)
        elif token == r"\\":
            if cells != wanted:
                found.append(f"{cells} cells, not {wanted}")
            cells = 1
            behind = "".join(tokens[place + 1 : place + 9]).lstrip()
            if behind.startswith(("[", "*")):
                found.append("an argument of the end of a row")
        elif token == "&":
            cells += 1
            found += [] if "tabular" in inside[-1:] else ["& outside a table"]
        elif token == "$":
            math = not math
        elif token.startswith("\\") and token[1:] not in KNOWN:
            found.append(f"{token} is unknown")
        elif token in set("%#_^~") or (token in set("<>|") and not math):
            found.append(f"{token} as a letter")
    return found + [f"{name} stays open" for name in inside] + ["$ stays open"] * math

# SPDX-License-Identifier: Apache-2.0
"""Run every command and Python block of the documentation, in the order of the page."""

from __future__ import annotations

import functools
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from snncc.cli import main

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
ELSEWHERE = {  # pages whose commands other tests run, in a folder as they need it
    "docs/ci.md": "tests/cli/test_ci.py",
    "docs/sweep.md": "tests/tools/sweep/test_docs.py",
}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FAULT = "the message"  # what the pages look for where a model is to fail


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """(language, text) of every block of code on `page`; blocks of commands are `sh`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [(m.start(), m[1] or "text", m[2]) for m in _FENCE.finditer(text)]
    bare = _FENCE.sub(lambda m: "\n" * m[0].count("\n"), text)
    offset = 0
    for before, after in zip(text.splitlines(keepends=True), bare.splitlines(keepends=True), strict=False):
        if after.startswith("    ") and before == after:
            found.append((offset, "sh", after.strip()))
        offset += len(before)
    return ((language, block) for _, language, block in sorted(found))


def commands(block: str) -> Iterator[list[str]]:
    """The snncc commands among the lines of `block`, without the snncc; a $ may come before."""
    for line in block.replace("\\\n", " ").splitlines():
        plain = line.strip().removeprefix("$ ")
        if plain.startswith("snncc "):
            yield shlex.split(plain, comments=True)[1:]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ELSEWHERE])
def test_every_command_runs(page: str, workplace: Path) -> None:
    names: dict[str, object] = {}  # what the Python of a page has defined so far
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, page, "exec"), names)
            continue
        for words in commands(block) if language in ("sh", "text") else ():
            run = CliRunner().invoke(main, _with_a_fault(words), catch_exceptions=False)
            assert run.exit_code == 0, f"{page}: snncc {shlex.join(words)}\n{run.output}"


def test_commands_are_found() -> None:
    """Else the test above would run nothing, and pass."""
    found = [
        words
        for page in PAGES
        for language, block in blocks(page)
        if language in ("sh", "text")
        for words in commands(block)
    ]
    assert len(found) > 50
    assert {words[0] for words in found} >= {"convert", "evaluate", "tune", "report", "sweep", "debug", "export"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", sorted(ELSEWHERE))
def test_other_tests_are_there(page: str) -> None:
    assert Path(page).name in (ROOT / ELSEWHERE[page]).read_text(encoding="utf-8")


def test_the_reference_of_the_ops_is_up_to_date() -> None:
    made = CliRunner().invoke(main, ["ops", "--markdown"]).stdout
    assert made == (ROOT / "docs" / "ops.md").read_text(encoding="utf-8"), "snncc ops --markdown > docs/ops.md"


def _with_a_fault(words: list[str]) -> list[str]:
    """For pages that reduce a failing model: replace the model by one with an unsupported op."""
    if words[:2] != ["debug", "reduce"]:
        return words
    import onnx

    model = onnx.load("model.onnx")
    next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Tan"
    onnx.save(model, "faulty.onnx")
    snncc = f"{sys.executable} -c 'from snncc.cli import main; main()'"
    said = {"model.onnx": "faulty.onnx", _FAULT: "Tan", "snncc convert": f"{snncc} convert"}
    return [functools.reduce(lambda word, old: word.replace(old, said[old]), said, word) for word in words]

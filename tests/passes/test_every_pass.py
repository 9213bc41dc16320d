# SPDX-License-Identifier: Apache-2.0
"""Every pass has its own file of tests, which shows each reason for leaving a node."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from snncc.passes.pipeline import PASSES

HERE = Path(__file__).parent
MODULES = sorted({each.__module__ for each in PASSES.values()})
LEAST = 8  # letters of a reason that a test compares


def file_of(module: str) -> Path:
    *_, stage, name = module.split(".")
    return HERE / stage / f"test_{name}.py"


def strings(tree: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def reasons(module: str) -> list[set[str]]:
    """The literal parts of each reason that a module gives."""
    path = importlib.import_module(module).__file__
    assert path is not None
    calls = [n for n in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    skips = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "Skip"]
    return [found for n in skips if (found := {s for s in strings(n) if len(s) >= LEAST})]


@pytest.mark.parametrize("module", MODULES)
def test_a_pass_has_its_file(module: str) -> None:
    text = file_of(module).read_text(encoding="utf-8")
    assert [each.__name__ for each in PASSES.values() if each.__module__ == module and each.__name__ not in text] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_file_shows_every_reason_of_its_pass(module: str) -> None:
    compared = {s for s in strings(ast.parse(file_of(module).read_text(encoding="utf-8"))) if len(s) >= LEAST}
    missing = [parts for parts in reasons(module) if not any(s in part for part in parts for s in compared)]
    assert missing == []

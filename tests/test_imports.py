# SPDX-License-Identifier: Apache-2.0
"""The direction of imports: what a part of the house may know about the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"snncc": ROOT / "snncc", "snncc.passes": ROOT / "passes", "snncc.runtime": ROOT / "runtime"}
FACE = {"snncc.__main__", "snncc.cli", "snncc.cli_tables", "snncc.commands", "snncc.demo"}

# Part of the package -> the modules of ours, by prefix, that it may import at module level.
ALLOWED = {
    "snncc.errors": set(),
    "snncc.ops": {"snncc.ops", "snncc.errors"},
    "snncc.graph": {
        "snncc.ops",
        "snncc.errors",
        "snncc.mapped",
        "snncc.ordering",
        "snncc.provenance",
        "snncc.scopes",
    },
    "snncc.locks": set(),
    "snncc.temporary": {"snncc.locks"},
    "snncc.stored_arrays": set(),
    "snncc.mapped": {"snncc.temporary"},
    "snncc.serialised": {"snncc.mapped"},
    "snncc.inline": {"snncc.mapped", "snncc.serialised"},
    "snncc.ordering": {"snncc.errors"},
    "snncc.provenance": set(),
    "snncc.scopes": set(),
    "snncc.passes": {
        "snncc.passes",
        "snncc.batch_axis",
        "snncc.coding",
        "snncc.few_spikes",
        "snncc.graph",
        "snncc.ops",
        "snncc.errors",
        "snncc.recurrent",
        "snncc.scales",
        "snncc.obstacles",
        "snncc.provenance",
        "snncc.bound_forms",
        "snncc.trial",
        "snncc.intervals",
        "snncc.masks",
        "snncc.resizing",
        "snncc.support",
        "snncc.islands",
        "snncc.large",
        "snncc.tokens",
        "snncc.vocabulary",
    },
    "snncc.external": {"snncc.errors", "snncc.mapped"},
    "snncc.large": {"snncc.external", "snncc.mapped"},
    "snncc.opening": {"snncc.errors", "snncc.large", "snncc.mapped", "snncc.serialised", "snncc.temporary"},
    "snncc.utf8": {"snncc.errors"},
    "snncc.loading": {"snncc.external", "snncc.errors", "snncc.inline", "snncc.mapped", "snncc.tensors", "snncc.utf8"},
    "snncc.toml_files": {"snncc.errors"},
    "snncc.npz": set(),
    "snncc.runtime": {"snncc.runtime", "snncc.opening", "snncc.loading", "snncc.ops", "snncc.errors"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *(p for p in parts if p != "__init__"))), path


def imported(path: Path, *, everywhere: bool) -> set[str]:
    """The modules that `path` imports: at module level (not for typing alone), or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            # `from snncc import ops` is an import of snncc.ops.
            names |= {f"{base}.{alias.name}" for alias in node.names} if base == "snncc" else {base}
        elif everywhere or not (_is_function(node) or _is_typing(node)):
            pending += ast.iter_child_nodes(node)
    return names


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def under(name: str, prefixes: set[str]) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in prefixes)


def ours(path: Path, *, everywhere: bool = False) -> set[str]:
    return {name for name in imported(path, everywhere=everywhere) if under(name, {"snncc"})}


MODULES = dict(modules())


@pytest.mark.parametrize("part", ALLOWED)
def test_part_imports_only_what_stands_before_it(part):
    found = {name: path for name, path in MODULES.items() if under(name, {part})}
    assert found
    for name, path in found.items():
        beyond = {n for n in ours(path) if not under(n, ALLOWED[part])}
        assert not beyond, f"{name} imports {sorted(beyond)}"


def test_only_the_graph_facade_imports_graphsurgeon():
    users = {name for name, path in MODULES.items() if "onnx_graphsurgeon" in imported(path, everywhere=True)}
    assert users == {"snncc.graph"}


def test_compiler_never_imports_the_runtime_at_module_level():
    for name, path in MODULES.items():
        if not under(name, {"snncc.runtime"}):
            assert not {n for n in ours(path) if under(n, {"snncc.runtime"})}, name


def test_library_does_not_know_its_command_line():
    for name, path in MODULES.items():
        if not under(name, FACE):
            known = imported(path, everywhere=True)
            assert not {n for n in known if under(n, {*FACE, "click"})}, name


def test_passes_touch_no_runtime_and_no_command_line():
    for name, path in MODULES.items():
        if under(name, {"snncc.passes"}):
            assert not {n for n in imported(path, everywhere=True) if under(n, {"onnxruntime", "click", "rich"})}, name

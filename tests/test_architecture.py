# SPDX-License-Identifier: Apache-2.0
"""The direction of imports between the parts of the package.

A part is a module or a package directly in `snncc`. Each has a floor, and uses the floors below it, never its own or
one above: imports inside functions and for typing count as well.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "snncc": ROOT / "snncc",
    "snncc.passes": ROOT / "passes",
    "snncc.runtime": ROOT / "runtime",
    "snncc.models": ROOT / "models",
}

# Part -> its floor.
ROOMS = {
    "snncc": 8,  # the public names
    "snncc.cli": 8,
    "snncc.tools": 7,
    "snncc.compiler": 6,
    "snncc.evaluation": 6,
    "snncc.models": 6,
    "snncc.frontend": 5,
    "snncc.calibration": 5,
    "snncc.passes": 4,
    "snncc.execution": 4,
    "snncc.analysis": 3,
    "snncc.coding": 3,
    "snncc.runtime": 3,
    "snncc.ir": 2,
    "snncc.io": 2,
    "snncc.ops": 1,
    "snncc.storage": 1,
    "snncc.errors": 1,
    "snncc.version": 1,
}
MOST_PARTS, MOST_FLOORS, MOST_IMPORTS, MOST_MODULES = 20, 8, 110, 5

# Within a room: its members by floors; a member uses members of the floors below it.
STAGES = ("canonicalise", "legalise", "normalise", "lower", "time", "finalise")
TOOLS = ("accuracy_budget", "check", "compare", "exporters", "paper_tables", "quick_compare", "report", "sweep")
WITHIN = {
    "snncc.passes": [("base",), ("manager", "shared"), STAGES, ("pipeline",)],
    "snncc.tools": [("noise_batches", "text_tables"), ("bench", "debug"), TOOLS],
}

# Part of the package -> the modules of ours, by prefix, that it may import at module level.
ALLOWED = {
    "snncc.errors": set(),
    "snncc.ops": {"snncc.ops"},
    "snncc.ir": {"snncc.ir", "snncc.ops", "snncc.errors", "snncc.storage.mapped"},
    "snncc.ir.ordering": {"snncc.errors"},
    "snncc.ir.provenance": set(),
    "snncc.ir.scopes": set(),
    "snncc.storage.locks": set(),
    "snncc.storage.temporary": {"snncc.storage.locks"},
    "snncc.storage.mapped": {"snncc.storage.temporary"},
    "snncc.storage.serialised": {"snncc.storage.mapped"},
    "snncc.io": {"snncc.io", "snncc.storage", "snncc.errors"},
    "snncc.io.external_data": {"snncc.errors", "snncc.storage.mapped"},
    "snncc.io.inline": {"snncc.storage.mapped", "snncc.storage.serialised"},
    "snncc.io.large_models": {"snncc.io.external_data", "snncc.storage.mapped"},
    "snncc.io.opening": {"snncc.errors", "snncc.io.large_models", "snncc.storage"},
    "snncc.io.model_reader": {
        "snncc.errors",
        "snncc.io.external_data",
        "snncc.io.inline",
        "snncc.io.tensors",
        "snncc.io.utf8",
        "snncc.storage.mapped",
    },
    "snncc.io.npz": set(),
    "snncc.io.stored_arrays": set(),
    "snncc.io.toml_files": {"snncc.errors"},
    "snncc.io.utf8": {"snncc.errors"},
    "snncc.analysis": {"snncc.analysis", "snncc.ir", "snncc.io", "snncc.ops", "snncc.storage", "snncc.errors"},
    "snncc.coding": {"snncc.coding", "snncc.ir", "snncc.ops", "snncc.errors"},
    "snncc.passes": {
        "snncc.passes",
        "snncc.analysis",
        "snncc.coding",
        "snncc.ir",
        "snncc.io.large_models",
        "snncc.ops",
        "snncc.errors",
    },
    "snncc.runtime": {
        "snncc.runtime",
        "snncc.io.model_reader",
        "snncc.io.native_library",
        "snncc.io.opening",
        "snncc.ops",
        "snncc.errors",
    },
}


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *(p for p in parts if p != "__init__"))), path


MODULES = dict(modules())


@cache
def imported(path: Path, *, everywhere: bool) -> frozenset[str]:
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
            full = {f"{base}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else base for name in full}
        elif everywhere or not (_is_function(node) or _is_typing(node)):
            pending += ast.iter_child_nodes(node)
    return frozenset(names)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def under(name: str, prefixes: set[str]) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in prefixes)


def ours(path: Path, *, everywhere: bool = False) -> set[str]:
    return {name for name in imported(path, everywhere=everywhere) if under(name, {"snncc"})}


def part_of(name: str) -> str:
    """`snncc.ir` of `snncc.ir.graph`; `snncc` itself is the part of the public names."""
    return ".".join(name.split(".")[:2])


def between() -> dict[tuple[str, str], set[str]]:
    """By pair of parts: who imports what, wherever it stands in the file."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, path in MODULES.items():
        for other in ours(path, everywhere=True):
            if part_of(other) != part_of(name):
                found[part_of(name), part_of(other)].add(f"{name} imports {other}")
    return dict(found)


def longest_chain(pairs: set[tuple[str, str]]) -> int:
    """How many parts the longest chain of imports has; CycleError where parts import each other in a circle."""
    below: dict[str, set[str]] = {part: set() for part in ROOMS}
    for user, used in pairs:
        below[user].add(used)
    height: dict[str, int] = {}
    for part in TopologicalSorter(below).static_order():
        height[part] = 1 + max((height[each] for each in below[part]), default=0)
    return max(height.values())


def test_every_part_has_a_floor():
    assert {part_of(name) for name in MODULES} == set(ROOMS)


def test_imports_go_down():
    wrong = {pair: who for pair, who in between().items() if ROOMS[pair[0]] <= ROOMS[pair[1]]}
    assert not wrong, "\n".join(sorted(each for who in wrong.values() for each in who))


def test_the_figures():
    pairs = between()
    floors = longest_chain(set(pairs))
    here = sorted(path.name for path in (ROOT / "snncc").glob("*.py"))
    print(f"{len(ROOMS)} parts, {floors} floors, {len(pairs)} imports between parts, no circle; in snncc/: {here}")
    assert len(ROOMS) <= MOST_PARTS
    assert max(ROOMS.values()) <= MOST_FLOORS
    assert floors <= MOST_FLOORS
    assert len(pairs) <= MOST_IMPORTS
    assert len(here) <= MOST_MODULES


@pytest.mark.parametrize("room", WITHIN)
def test_within_a_room_imports_go_down(room):
    floors = {f"{room}.{member}": n for n, members in enumerate(WITHIN[room]) for member in members}
    member_of = lambda name: ".".join(name.split(".")[:3])  # noqa: E731
    found = {name: path for name, path in MODULES.items() if under(name, {room}) and name != room}
    assert {member_of(name) for name in found} == set(floors)
    for name, path in found.items():
        here = {member_of(n) for n in ours(path, everywhere=True) if under(n, {room})} - {member_of(name)}
        beyond = {n for n in here if floors[n] >= floors[member_of(name)]}
        assert not beyond, f"{name} imports {sorted(beyond)}"


@pytest.mark.parametrize("part", ALLOWED)
def test_part_imports_only_what_stands_before_it(part):
    found = {name: path for name, path in MODULES.items() if under(name, {part})}
    assert found
    for name, path in found.items():
        beyond = {n for n in ours(path) if not under(n, ALLOWED[part])}
        assert not beyond, f"{name} imports {sorted(beyond)}"


def test_only_the_graph_facade_imports_graphsurgeon():
    users = {name for name, path in MODULES.items() if "onnx_graphsurgeon" in imported(path, everywhere=True)}
    assert users
    assert all(under(name, {"snncc.ir.graph"}) for name in users)


def test_compiler_never_imports_the_runtime_at_module_level():
    for name, path in MODULES.items():
        if not under(name, {"snncc.runtime"}):
            assert not {n for n in ours(path) if under(n, {"snncc.runtime"})}, name


def test_library_does_not_know_its_command_line():
    for name, path in MODULES.items():
        if not under(name, {"snncc.cli"}):
            known = imported(path, everywhere=True)
            assert not {n for n in known if under(n, {"snncc.cli", "click"})}, name


def test_passes_touch_no_runtime_and_no_command_line():
    for name, path in MODULES.items():
        if under(name, {"snncc.passes"}):
            assert not {n for n in imported(path, everywhere=True) if under(n, {"onnxruntime", "click", "rich"})}, name

# SPDX-License-Identifier: Apache-2.0
"""The public names: complete, and imported lazily."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import snncc

ROOT = Path(__file__).parents[1]
STAY = "convert convert_within tune evaluate compare debug_layers Phase FS Rate MSAT Stream spike_trains SnnccError"
NEW = "report sweep replay run_checks Preprocess Differential"


def answer(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_nothing_else() -> None:
    assert answer("import sys, snncc; print([m for m in sys.modules if m.startswith('snncc.')])") == "[]"
    assert answer("import sys, snncc; print({'onnx', 'onnxruntime', 'numpy'} & {*sys.modules})") == "set()"


@pytest.mark.parametrize("name", [*STAY.split(), *NEW.split(), "__version__"])
def test_a_public_name_is_there(name: str) -> None:
    assert name in snncc.__all__
    assert name in dir(snncc)
    assert getattr(snncc, name)


def test_all_of_the_names_are_the_stated_ones() -> None:
    assert set(snncc.__all__) == {*STAY.split(), *NEW.split(), "__version__", "runtime"}


@pytest.mark.parametrize("name", ["convert", "compare", "evaluate", "tune", "report", "sweep", "replay"])
def test_a_function_is_never_a_module(name: str) -> None:
    everything = "import pkgutil, importlib, snncc.compiler.convert, snncc.tools.report.build, snncc.tools.sweep.driver"
    assert answer(f"{everything}, snncc; print(type(snncc.{name}).__name__)") == "function"


@pytest.mark.parametrize("name", ["errors.SnnccError", "ops.DOMAIN", "passes.Pass", "passes.NodePass", "coding.Coding"])
def test_a_submodule_is_there_after_the_import_of_the_package_alone(name: str) -> None:
    assert answer(f"import snncc; print(snncc.{name})")


@pytest.mark.parametrize(
    "call", ["runtime.create_session", "passes.PassManager", "passes.pipeline.lowering", "models.digits_network"]
)
def test_a_function_of_a_submodule_is_there_too(call: str) -> None:
    assert answer(f"import snncc; print(callable(snncc.{call}))") == "True"


def test_the_library_is_found_after_the_import_of_the_package_alone() -> None:
    assert "snncc_ops" in answer("import snncc; print(snncc.runtime.get_library_path())")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = snncc.nothing


def test_type_checkers_are_told_the_same_homes() -> None:
    tree = ast.parse((ROOT / "snncc" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {a.asname or a.name: n.module for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    homes = {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body if named(node, "_HOMES")}["_HOMES"]
    assert told == {**homes, "runtime": "snncc", "__version__": "snncc.version"}


def named(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name

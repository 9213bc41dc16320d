# SPDX-License-Identifier: Apache-2.0
"""CI scripts: sums of test counts, failure on incomplete logs, lowest versions."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def count() -> ModuleType:
    return script("count_tests")


def status(count: ModuleType, folder: Path, *logs: str) -> int:
    paths = [folder / f"log{i}" for i in range(len(logs))]
    for path, log in zip(paths, logs, strict=True):
        path.write_text(log)
    return count.main([str(path) for path in paths])


def test_outcomes_are_added(count: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = ("....\n== 10 passed, 2 skipped, 7 deselected in 61.20s (0:01:01) ==\n", "= 3 passed, 1 xfailed in 1.00s =")
    assert status(count, tmp_path, *logs) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "13 passed, 0 failed, 3 skipped"


@pytest.mark.parametrize(
    "last",
    [
        "== 1 failed, 9 passed in 2.00s ==",
        "== 9 passed, 1 error in 2.00s ==",
        "== 5 skipped in 2.00s ==",
        "tests/test_a.py ....F... [ 80%]",
        "Terminated",
        "",
    ],
)
def test_a_failure_or_an_open_end_fails(count: ModuleType, tmp_path: Path, last: str) -> None:
    assert status(count, tmp_path, "== 9 passed in 2.00s ==", f"start\n{last}\n") == 1


def test_the_readme_begins_with_two_commands() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").split("```sh\n")[1].split("```")[0].splitlines()
    assert [line.rpartition("/bin/")[2] for line in first] == ["snncc demo", "pytest -n auto"]


def test_the_lowest_versions_are_those_declared() -> None:
    declared = """
[project]
dependencies = ["numpy>=1.26", "ort-gpu>=1.20; platform_machine == 'x86_64'", "free", "capped>=2.1,<3"]
[project.optional-dependencies]
cuda = ["ort-gpu[cuda,cudnn]"]
nir = ["nir>=1.0.7"]
dev = ["snncc[nir]", "pytest>=8"]
"""
    assert script("lowest").lowest(declared) == ["capped==2.1", "nir==1.0.7", "numpy==1.26", "ort-gpu==1.20"]


def test_the_folders_for_the_lowest_versions_exist() -> None:
    listed = re.search(r"^folders=\(tests/\{(.+)\} (.+)\)$", (ROOT / ".ci/lowest").read_text(encoding="utf-8"), re.M)
    assert listed is not None
    assert all((ROOT / path).exists() for path in [*(f"tests/{name}" for name in listed[1].split(",")), listed[2]])


def test_every_job_is_in_the_run_and_its_log_is_counted() -> None:
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    logs = re.findall(r"tee \"\$work/(\w+)\.log\"", run)
    assert logs == ["fast", "slow", "lowest"]
    assert f'count_tests.py "$work"/{{{",".join(logs)}}}.log' in run

# SPDX-License-Identifier: Apache-2.0
"""Run a command repeatedly in child processes that are killed at random times.

    python -m tests.cli.killed FOLDER SEED KILLS NAMES COMMAND…

The folder holds the inputs; the command writes files of these names into `FOLDER/out`. Prints one line of JSON. The
limit of 2 GB for one file is lowered to 1 KB.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import nir
import numpy as np
import onnx

from snncc.cli import main
from snncc.io import large_models
from snncc.io.model_reader import read_model

OLD = b"as it was before"


def _whole_model(path: Path) -> None:
    onnx.checker.check_model(read_model(path))


def _whole_archive(path: Path) -> None:
    with np.load(path) as archive:
        assert [archive[name] for name in archive.files]


def _whole_text(path: Path) -> None:
    assert path.read_text(encoding="utf-8").rstrip().endswith(("</html>", "}")), "the end is missing"


def _whole_table(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n"), "the last line is cut"
    assert len({len(row) for row in csv.reader(text.splitlines())}) == 1, "a line is cut"


WHOLE: dict[str, Callable[[Path], object]] = {
    ".onnx": _whole_model,
    ".npz": _whole_archive,
    ".csv": _whole_table,
    ".xml": ElementTree.parse,
    ".html": _whole_text,
    ".tex": _whole_text,
    ".nir": nir.read,
}


def _broken(folder: Path) -> list[str]:
    """Files under their final names that hold neither the old content nor a whole new one."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".snncc-") or path.suffix == ".data" or path.read_bytes() == OLD:
            continue
        try:
            WHOLE[path.suffix](path)
        except Exception as error:
            found.append(f"{path.name}: {type(error).__name__}: {error}")
    return found


def _child(command: list[str]) -> int:
    """Start the command in a child process; returns its id."""
    child = os.fork()
    if child:
        return child
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        main(command, standalone_mode=True)
    finally:
        os._exit(0)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _writes(folder: Path) -> bool:
    return any(name.startswith(".snncc-") for name in _names(folder))


def _kill(command: list[str], out: Path, rng: np.random.Generator, longest: float) -> float:
    """Run the command and kill it: every other time at any moment, else just after it has begun to write."""
    child, start = _child(command), time.monotonic()
    at = rng.uniform(0, longest)
    if rng.random() < 0.5:
        while not _writes(out) and time.monotonic() - start < longest:
            time.sleep(0.0005)
        at = time.monotonic() - start + rng.uniform(0, 0.01)
    while time.monotonic() - start < at:
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return at


def _run(command: list[str], names: Iterable[str], rng: np.random.Generator, kills: int) -> dict[str, list[str]]:
    """Kill the command `kills` times.

    Returns what is broken, what a run left unwritten, the files of a run, and those after a run after the kills.
    """
    out = Path("out")
    for name in names:
        (out / name).write_bytes(OLD)
    start = time.monotonic()
    os.waitpid(_child(command), 0)
    longest = time.monotonic() - start
    expected = _names(out)
    unwritten = [name for name in names if (out / name).read_bytes() == OLD]  # else nothing would be killed in writing
    broken = _broken(out)
    for _ in range(kills):
        _kill(command, out, rng, longest)
        broken += _broken(out)
    os.waitpid(_child(command), 0)
    return {"broken": broken, "unwritten": unwritten, "expected": expected, "left": _names(out)}


if __name__ == "__main__":
    large_models._MOST, large_models._SET_ASIDE = 1024, 64
    os.chdir(sys.argv[1])
    generator = np.random.default_rng(int(sys.argv[2]))
    print(json.dumps(_run(sys.argv[5:], sys.argv[4].split(), generator, int(sys.argv[3]))))

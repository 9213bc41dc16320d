# SPDX-License-Identifier: Apache-2.0
"""Temporary files are removed with the process that made them, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from snncc.storage import mapped
from snncc.storage.locks import HAS_LOCKS
from snncc.storage.temporary import temporary_folder

KILLED = """
import atexit, os, signal, sys
import numpy as np
from snncc.storage import mapped
kept = mapped.put_aside(np.ones((2**20, 2), np.float32))
print(kept.file, flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "forked" and not os.fork():
    atexit._run_exitfuncs()
    os._exit(0)  # an end in full would wait for threads that are in the parent only
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where temporary files are, of this process and of its children."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mapped._folder.cache_clear()
    yield
    mapped._folder.cache_clear()


def process(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ours(folder: Path) -> list[Path]:
    return sorted(folder.glob("snncc-*"))


@pytest.mark.skipif(not HAS_LOCKS, reason="no locks here that end with the process")
def test_folders_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    with process("killed") as killed, process("living") as living:
        left, used = (Path(p.stdout.readline().strip()) for p in (killed, living))
        assert killed.wait() == -signal.SIGKILL
        with temporary_folder() as folder:
            assert ours(tmp_path) == sorted([folder, used.parent])
            assert used.stat().st_size == 2**23
        living.communicate()
    assert not left.parent.exists()
    assert ours(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_that_ends_takes_nothing_with_it(tmp_path: Path) -> None:
    with process("forked") as forked:
        used = Path(forked.stdout.readline().strip())
        with pytest.raises(subprocess.TimeoutExpired):
            forked.wait(2)
        assert used.exists()
        forked.communicate()
    assert ours(tmp_path) == []


def test_a_weight_is_there_as_long_as_it_is_held(tmp_path: Path) -> None:
    kept = mapped.put_aside(np.ones((2**20, 2), np.float32))
    assert kept is not None
    assert kept.file.parent.parent == tmp_path
    np.testing.assert_array_equal(kept.load()[:2], 1)
    file = kept.file
    del kept
    assert not file.exists()

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from snncc.models import digits_network
from snncc.models.digits import load_digits

DEADLINE = 300  # seconds after which a test is stuck


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A folder with the digits network, test data of 100 samples, and calibration data."""
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    folder = tmp_path_factory.mktemp("digits")
    found = load_digits()
    np.savez(folder / "test.npz", input=found.test_images[:100], labels=found.test_labels[:100])
    np.savez(folder / "train.npz", input=found.train_images[:200])
    (folder / "digits_cnn.onnx").write_bytes(digits_network())
    return folder


# A process that a shell starts in the background ignores SIGINT, and so do those that it starts.
MAIN = """
import signal
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from snncc.cli import main
    main()
"""


class Commands:
    """Runs `snncc sweep` as a process of its own, in a session of its own, which can be killed in the middle."""

    def __init__(self, grid: Path, output: Path, *options: str) -> None:
        self.output = output
        self._command = [sys.executable, "-c", MAIN, "sweep", str(grid), "-o", str(output), *options]

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command, capture_output=True, text=True, timeout=DEADLINE, check=False)

    def kill_after(self, shards: int, *, group: bool, sent: signal.Signals = signal.SIGKILL) -> int:
        """Kill the process, or all of its group, once `shards` are done; returns how many are known then."""
        with subprocess.Popen(
            self._command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            until(lambda: self.done() >= shards or process.poll() is not None)
            assert process.poll() is None, "it ended before it could be killed"
            (os.killpg if group else os.kill)(process.pid, sent)
            process.wait(DEADLINE)
        until(lambda: not members(process.pid))
        return self.done()

    def done(self) -> int:
        if not self.output.exists():
            return 0
        try:
            file = sqlite3.connect(f"file:{self.output}?mode=ro", uri=True)
            try:
                return int(file.execute("SELECT count(*) FROM shard WHERE state = 'done'").fetchone()[0])
            finally:
                file.close()
        except sqlite3.OperationalError:  # not made yet
            return 0


def members(session: int) -> list[int]:
    """The processes of a session that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(folder.name))
    return found


def until(condition) -> None:
    """Wait for it; what never comes is a failure."""
    for _ in range(DEADLINE * 20):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture
def commands() -> type[Commands]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("the processes of a session are found in /proc, which this system has not")
    return Commands


@pytest.fixture(scope="session")
def ray() -> ModuleType:
    return pytest.importorskip("ray", reason="Ray is not installed: pip install 'snncc[cluster]'")

# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment of a command, including imports: one line and status 130, unless the command has finished."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import snncc

# The entry is run as a script, without the package that it is in, from where Python itself has started. What runs in a
# shell's background ignores Ctrl-C, and so would what it starts.
START = """
import signal, sys, types
signal.signal(signal.SIGINT, {handler})
entry = compile(open({entry!r}, encoding="utf-8").read(), {entry!r}, "exec")
print("started", flush=True)
exec(entry, {{"__name__": "__main__"}})
"""
ENTRY = Path(snncc.__file__).parent / "cli" / "__main__.py"
CONVERT = ("convert", "ann.onnx", "--calib", "train.npz", "-o", "out.onnx")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")


@pytest.fixture
def folder(digits: Path, tmp_path: Path) -> Path:
    return shutil.copytree(digits, tmp_path / "here")


def start(folder: Path, handler: str = "signal.default_int_handler") -> subprocess.Popen[str]:
    """The command, from the moment at which the entry begins."""
    code = START.format(entry=str(ENTRY), handler=handler)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-c", code, *CONVERT], cwd=folder, text=True, **pipes)  # type: ignore[call-overload]
    assert process.stdout.readline() == "started\n"
    return process  # type: ignore[no-any-return]


def interrupted(folder: Path, delay: float) -> tuple[int, str]:
    """Exit status and stderr of the command that is interrupted so many seconds after its beginning."""
    with start(folder) as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    return process.returncode, err


def assert_clean(folder: Path, status: int, err: str) -> None:
    assert "Traceback" not in err, err
    assert status in (0, 130), err
    if status == 130:
        assert err.splitlines().count("Interrupted.") == 1, err
    else:
        assert (folder / "out.onnx").is_file()


def test_an_interruption_while_importing_ends_in_a_line_and_130(folder: Path) -> None:
    status, err = interrupted(folder, 0.2)
    assert (status, err) == (130, "Interrupted.\n")
    assert not (folder / "out.onnx").exists()


@pytest.mark.slow
def test_an_interruption_at_any_moment_leaves_no_traceback(folder: Path) -> None:
    with start(folder) as process:
        began = time.monotonic()
        process.communicate(timeout=120)
        whole = time.monotonic() - began
    assert process.returncode == 0
    (folder / "out.onnx").unlink()
    ends = []
    for shot in range(20):
        status, err = interrupted(folder, (shot + 0.2) / 20 * whole)
        assert_clean(folder, status, err)
        ends.append(status)
    assert ends.count(130) >= 10, ends


def test_what_ignores_interruptions_goes_on_to(folder: Path) -> None:
    with start(folder, "signal.SIG_IGN") as process:
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (folder / "out.onnx").is_file()

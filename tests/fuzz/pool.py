# SPDX-License-Identifier: Apache-2.0
"""Distribute cases to worker processes; replace a worker that a case kills, and report the case."""

from __future__ import annotations

import ast
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

__all__ = ["outcomes"]

_WORKER = Path(__file__).with_name("worker.py")
_WALL = 600.0  # seconds; a worker limits its processor time itself, so that this ends what waits for ever


def outcomes(cases: Iterable[str], workers: int = 2) -> dict[str, str]:
    """By case, what came of it: `ok`, `refused`, `escaped …` with a traceback, or `died …` with the signal."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    found: dict[str, str] = {}
    threads = [threading.Thread(target=_serve, args=(waiting, found)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _serve(waiting: queue.SimpleQueue[str], found: dict[str, str]) -> None:
    process = None
    while True:
        try:
            case = waiting.get_nowait()
        except queue.Empty:
            break
        process = process or _start()
        found[case] = answer = _ask(process, case)
        if answer.startswith("died"):
            process = None
    if process is not None:
        process.communicate()


def _start() -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    # Under PYTHONSAFEPATH a script's own folder is not on the path.
    path = os.pathsep.join([str(_WORKER.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, str(_WORKER)], text=True, env=environment, **pipes)


def _ask(process: subprocess.Popen[str], case: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    alarm = threading.Timer(_WALL, process.kill)
    alarm.start()
    try:
        process.stdin.write(f"{case}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    except BrokenPipeError:
        answer = ""
    finally:
        alarm.cancel()
    if answer:
        return str(ast.literal_eval(answer))
    code = process.wait()
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"died with status {code}"

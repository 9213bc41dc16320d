# SPDX-License-Identifier: Apache-2.0
"""Local processes: each takes a task at a time through a pipe, and ends with the process that started it.

A process that dies loses its task, which another one tries once more.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import queue
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from snncc.errors import OptionError
from snncc.tools.sweep.pool import Pool, crash
from snncc.tools.sweep.task import Outcome, Task, run_task

__all__ = ["LocalPool"]

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None


class LocalPool(Pool):
    """`jobs` processes, by default one per core, which share the cores."""

    def __init__(self, jobs: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.size = cores if jobs is None else jobs
        if self.size < 1:
            raise OptionError(f"jobs is {jobs}, but at least one process is needed. Give 1 or more.")
        self.threads = max(1, cores // self.size)
        self._workers: list[_Worker] = []
        self._tried: set[tuple[str, int, int]] = set()

    def submit(self, task: Task) -> None:
        """Hand the task to an idle process, or to a new one."""
        worker = next((w for w in self._workers if w.task is None), None)
        if worker is None:
            worker = self._start()
            self._workers.append(worker)
        worker.task = task
        with suppress(OSError):  # it died while idle, which `next` finds out
            worker.pipe.send(task)

    def next(self) -> tuple[Task, Outcome]:
        """Wait for a task to end; one whose process dies is tried once more before it counts as crashed."""
        while True:
            busy = {w.pipe: w for w in self._workers if w.task is not None}
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                task = worker.task
                assert task is not None
                try:
                    outcome: Outcome = worker.pipe.recv()
                except (EOFError, OSError):
                    self._bury(worker)
                    shard = (task.configuration.id, task.start, task.stop)
                    if shard not in self._tried:
                        self._tried.add(shard)
                        self.submit(task)
                        continue
                    outcome = crash(f"its process died twice ({_reason(worker.process)})")
                worker.task = None
                return task, outcome

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _start(self) -> _Worker:
        context = mp.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _deaf_to_interrupts(), _limited(self.threads):
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)


def _serve(pipe: Connection) -> None:
    """What a process does: run the tasks that come, and end at once when the other end of the pipe closes."""
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                tasks.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(1)  # in the middle of a task, too: nobody waits for its outcome

    threading.Thread(target=listen, daemon=True).start()
    while True:
        task = tasks.get()
        try:
            outcome = run_task(task)
        except Exception as error:  # a fault of ours must not end the sweep
            traceback.print_exc()
            outcome = crash(f"{type(error).__name__}: {error}")
        pipe.send(outcome)


def _reason(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    return f"exit status {code}" if code >= 0 else f"{signal.Signals(-code).name}; is there enough memory?"


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let processes that start here leave Ctrl-C to the one that started them; only a main thread can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """Let the numpy of processes that start here have so many threads."""
    before = {name: os.environ.get(name) for name in _LIMITS}
    os.environ.update(dict.fromkeys(_LIMITS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

# SPDX-License-Identifier: Apache-2.0
"""Pool of local processes: each receives one task at a time by a pipe, and ends with its parent.

If a process dies, its task is retried once by another one.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from snncc.errors import OptionError
from snncc.tools.sweep.pool import Pool, crash
from snncc.tools.sweep.task import Outcome, Task, run_task

__all__ = ["LocalPool", "serve"]

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
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
        self._ended: queue.SimpleQueue[tuple[_Worker, Outcome | None]] = queue.SimpleQueue()
        self._tried: set[tuple[str, int, int]] = set()

    def submit(self, task: Task) -> None:
        """Send the task to an idle process, or to a new one."""
        worker = next((w for w in self._workers if w.task is None), None)
        if worker is None:
            worker = self._start()
            self._workers.append(worker)
        worker.task = task
        assert worker.process.stdin is not None
        with suppress(OSError):  # it died while idle, which `next` finds out
            pickle.dump(task, worker.process.stdin)
            worker.process.stdin.flush()

    def next(self) -> tuple[Task, Outcome]:
        """Wait for a task to end; if its process dies, the task is retried once before it counts as crashed."""
        while True:
            worker, outcome = self._ended.get()
            task, worker.task = worker.task, None
            if outcome is None and worker in self._workers:
                self._bury(worker)
            if task is None:
                continue
            if outcome is None:
                shard = (task.configuration.id, task.start, task.stop)
                if shard not in self._tried:
                    self._tried.add(shard)
                    self.submit(task)
                    continue
                outcome = crash(f"its process died twice ({_reason(worker.process.returncode)})")
            return task, outcome

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.process.kill()
            worker.task = None
        while self._workers:
            self._bury(self._workers[0])

    def _start(self) -> _Worker:
        # The caller's path, without the current folder that -c would put in front.
        code = f"import sys; sys.path[:] = {sys.path!r}; from snncc.tools.sweep.local_pool import serve; serve()"
        with _without_interrupts():
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **dict.fromkeys(_LIMITS, str(self.threads))},
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        worker = _Worker(process)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        """Queue the answers of the process, and None after its death."""
        assert worker.process.stdout is not None
        with worker.process.stdout as answers, suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                self._ended.put((worker, pickle.load(answers)))
        self._ended.put((worker, None))

    def _bury(self, worker: _Worker) -> None:
        assert worker.process.stdin is not None
        with suppress(OSError):  # what was left to be sent
            worker.process.stdin.close()
        worker.process.wait()
        self._workers.remove(worker)


def serve() -> None:
    """Main loop of a process: run tasks as they arrive, and exit at once when the other end of the pipe closes."""
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints

    def listen() -> None:
        try:
            while True:
                tasks.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(1)  # also in the middle of a task: its outcome is not needed any more

    threading.Thread(target=listen, daemon=True).start()
    while True:
        task = tasks.get()
        try:
            outcome = run_task(task)
        except Exception as error:  # a fault of ours must not end the sweep
            traceback.print_exc()
            outcome = crash(f"{type(error).__name__}: {error}")
        pickle.dump(outcome, answers)
        answers.flush()


def _reason(code: int) -> str:
    return f"exit status {code}" if code >= 0 else f"{signal.Signals(-code).name}; is there enough memory?"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Context in which new processes ignore Ctrl-C, which the parent handles; affects this thread only."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: a separate process group has the same effect
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

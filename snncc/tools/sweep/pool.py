# SPDX-License-Identifier: Apache-2.0
"""Common interface of the pools that run sweep tasks: local processes or a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod

from snncc.tools.sweep.task import CRASHED, Outcome, Task

__all__ = ["Pool", "crash"]


class Pool(ABC):
    """Runs `run_task`, several at once, and hands out what became of the tasks as they end.

    Attributes:
        size: how many tasks it has use for at once.
        threads: that onnxruntime may have in each task.
    """

    size: int
    threads: int

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Take a task; no more than `size` that have not ended."""

    @abstractmethod
    def next(self) -> tuple[Task, Outcome]:
        """Wait for a task to end; there must be one."""

    @abstractmethod
    def close(self) -> None:
        """End whatever still runs."""


def crash(reason: str) -> Outcome:
    """The outcome of a task that ended without one."""
    return Outcome(CRASHED, None, f"crashed: {reason}")

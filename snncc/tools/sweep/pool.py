# SPDX-License-Identifier: Apache-2.0
"""Common interface of the pools that run sweep tasks: local processes or a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod

from snncc.tools.sweep.task import CRASHED, Outcome, Task

__all__ = ["Pool", "crash"]


class Pool(ABC):
    """Run `run_task` in parallel, and return the outcomes of tasks as they end.

    Attributes:
        size: how many tasks it has use for at once.
        threads: that onnxruntime may have in each task.
    """

    size: int
    threads: int

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Accept a task; at most `size` tasks may be unfinished."""

    @abstractmethod
    def next(self) -> tuple[Task, Outcome]:
        """Wait for a task to end; at least one must be unfinished."""

    @abstractmethod
    def close(self) -> None:
        """Stop all running tasks."""


def crash(reason: str) -> Outcome:
    """The outcome of a task that crashed."""
    return Outcome(CRASHED, None, f"crashed: {reason}")

# SPDX-License-Identifier: Apache-2.0
"""Pool on a Ray cluster: one core per task. Files must have the same paths on all nodes.

If a process dies, Ray itself retries its task once.
"""

from __future__ import annotations

import traceback
from typing import Any

from snncc.errors import RuntimeLibraryError, SnnccError
from snncc.tools.sweep.pool import Pool, crash
from snncc.tools.sweep.task import Outcome, Task, run_task

__all__ = ["RayPool"]


class RayPool(Pool):
    """The cluster at `address`; `auto`: the one that runs on this machine, or that RAY_ADDRESS names.

    Raises:
        SnnccError: Ray is not installed.
        RuntimeLibraryError: There is no cluster.
    """

    threads = 1

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            hint = "Install it: pip install 'snncc[cluster]'."
            raise SnnccError(f"--ray needs Ray, which is not installed. {hint}") from error
        self._ray: Any = ray
        try:
            ray.init(address=address, log_to_driver=False, logging_level="error")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise RuntimeLibraryError(
                f"there is no Ray cluster at '{address}' ({reason}). Start one: ray start --head"
            ) from error
        self.size = 2 * max(
            1, int(ray.cluster_resources().get("CPU", 1))
        )  # the next tasks are there when cores are free
        self._run = ray.remote(num_cpus=1, max_retries=1, retry_exceptions=False)(_guarded)
        self._tasks: dict[Any, Task] = {}

    def submit(self, task: Task) -> None:
        """Send the task to the cluster."""
        self._tasks[self._run.remote(task)] = task

    def next(self) -> tuple[Task, Outcome]:
        """Wait for a task to end."""
        (ended, *_), _ = self._ray.wait(list(self._tasks), num_returns=1)
        task = self._tasks.pop(ended)
        try:
            outcome: Outcome = self._ray.get(ended)
        except self._ray.exceptions.RayError as error:
            outcome = crash(f"its process died twice ({str(error).splitlines()[0]})")
        return task, outcome

    def close(self) -> None:
        """Disconnect from the cluster, which stops running tasks."""
        self._ray.shutdown()


def _guarded(task: Task) -> Outcome:
    try:
        return run_task(task)
    except Exception as error:  # a fault of ours must not end the sweep
        traceback.print_exc()
        return crash(f"{type(error).__name__}: {error}")

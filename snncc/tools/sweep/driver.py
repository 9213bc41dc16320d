# SPDX-License-Identifier: Apache-2.0
"""Run a sweep: schedule missing tasks, store their results, merge them at the end.

The first shard of a configuration runs alone, since it converts the network for the others. Only this process writes
results.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from snncc.io.progress import track
from snncc.tools.sweep.local_pool import LocalPool
from snncc.tools.sweep.model_cache import converted_path, discard
from snncc.tools.sweep.plan import Plan, Shard, read_plan
from snncc.tools.sweep.pool import Pool
from snncc.tools.sweep.results import Table, make_table
from snncc.tools.sweep.store import Store
from snncc.tools.sweep.task import Outcome, Task

__all__ = ["Run", "sweep"]

_log = logging.getLogger(__name__)


def sweep(grid: Path | str | Plan, output: Path | str, *, jobs: int | None = None, ray: str | None = None) -> Table:
    """Run the missing shards of a grid, and return the table of its results.

    Args:
        grid: TOML file, as described in docs/sweep.md, or a plan read from one.
        output: SQLite file of the results, new or to be resumed. Converted models are in a folder next to it until
            their configuration is complete.
        jobs: Local processes; by default one per core.
        ray: Address of a Ray cluster to use instead, or `auto`.

    Raises:
        SnnccError: the grid cannot be read, or results cannot be written. What goes wrong with a single configuration
            is in the table.
    """
    plan = grid if isinstance(grid, Plan) else read_plan(Path(grid))
    output = Path(output)
    with Store(output) as store:
        run = Run(plan, store, output.absolute().with_name(f"{output.name}.models"))
        run.prepare()
        if run.missing:
            pool = _pool(jobs, ray)
            try:
                for _ in track(run.outcomes(pool), "sweeping", len(plan)):
                    pass
            finally:
                pool.close()
        table = make_table(plan, store.outcomes())
        records = table.records()
        store.show(table.columns(), [list(record.values()) for record in records])
        return table


def _pool(jobs: int | None, ray: str | None) -> Pool:
    if ray is None:
        return LocalPool(jobs)
    from snncc.tools.sweep.ray_pool import RayPool

    return RayPool(ray)


class Run:
    """Remaining work: `missing` shards by configuration, and the `folder` of converted models."""

    def __init__(self, plan: Plan, store: Store, folder: Path) -> None:
        self._plan, self._store, self._folder = plan, store, folder
        finished = store.finished()
        left = {id_: [s for s in shards if s not in finished] for id_, shards in plan.shards.items()}
        self.missing = {id_: shards for id_, shards in left.items() if shards}
        self._ready: deque[Shard] = deque(shards[0] for shards in self.missing.values())
        self._waiting = {id_: shards[1:] for id_, shards in self.missing.items()}
        self._open = {id_: len(shards) for id_, shards in self.missing.items()}

    def prepare(self) -> None:
        """Remove models of completed configurations that an earlier run left."""
        for id_ in self._plan.shards:
            if id_ not in self.missing:
                self._discard(id_)

    def outcomes(self, pool: Pool) -> Iterator[Shard]:
        """Run all missing shards; yields each completed shard, including earlier ones."""
        for shard in self._plan:
            if shard not in self.missing.get(shard.configuration, ()):
                yield shard
        running = 0
        while self._ready or running:
            while self._ready and running < pool.size:
                pool.submit(self._task(self._ready.popleft(), pool.threads))
                running += 1
            task, outcome = pool.next()
            running -= 1
            yield from self._ended(Shard(task.configuration.id, task.start, task.stop), outcome)

    def _ended(self, shard: Shard, outcome: Outcome) -> list[Shard]:
        """Record the outcome of a shard, or of all shards if it concerns all of them."""
        id_ = shard.configuration
        followers, self._waiting[id_] = self._waiting[id_], []
        ended = [shard, *(followers if outcome.whole else ())]
        if not outcome.whole:
            self._ready.extendleft(reversed(followers))
        self._store.add(self._plan.configurations[id_], ended, outcome)
        for warning in outcome.warnings:
            _log.warning("%s", warning)
        self._open[id_] -= len(ended)
        if not self._open[id_]:
            self._discard(id_)
        return ended

    def _discard(self, id_: str) -> None:
        discard(converted_path(self._folder, id_))
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _task(self, shard: Shard, threads: int) -> Task:
        configuration = self._plan.configurations[shard.configuration]
        return Task(configuration, shard.start, shard.stop, str(self._folder), threads)

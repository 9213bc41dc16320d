# SPDX-License-Identifier: Apache-2.0
"""Progress bars on stderr: only from the command line, on a terminal, after two seconds.

Library code wraps its long loops in `track`, which has no effect until `shown` is called.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["shown", "track"]

_DELAY = 2.0
_enabled: ContextVar[bool] = ContextVar("snncc_progress", default=False)
_drawn: ContextVar[bool] = ContextVar("snncc_progress_drawn", default=False)  # a loop within a loop draws no second bar

Item = TypeVar("Item")


@contextmanager
def shown() -> Iterator[None]:
    """Enable the bars of `track`, if stderr is a terminal."""
    token = _enabled.set(sys.stderr.isatty())
    try:
        yield
    finally:
        _enabled.reset(token)


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items`, with a bar named `label` after two seconds; `total` items are expected."""
    if not _enabled.get():
        yield from items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=total)
    started = time.monotonic()
    try:
        for item in items:
            yield item
            bar.advance(task)
            if not (bar.live.is_started or _drawn.get()) and time.monotonic() - started > _DELAY:
                bar.start()
                _drawn.set(True)
    finally:
        if bar.live.is_started:
            bar.stop()
            _drawn.set(False)

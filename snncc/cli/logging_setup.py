# SPDX-License-Identifier: Apache-2.0
"""Configure logging: to stderr, one line per record."""

from __future__ import annotations

import logging

from snncc.cli.output import echo

__all__ = ["log_to_stderr"]


class _StderrHandler(logging.Handler):
    """Log handler for the current stderr; prints equal warnings once."""

    def __init__(self) -> None:
        super().__init__()
        self.warned: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        line = self.format(record)
        if record.levelno >= logging.WARNING:
            if line in self.warned:
                return
            self.warned.add(line)
        echo(line, err=True)


def log_to_stderr(level: int) -> None:
    """Print what the library logs at `level` and above."""
    logger = logging.getLogger("snncc")
    logger.setLevel(level)
    for handler in [h for h in logger.handlers if isinstance(h, _StderrHandler)]:
        logger.removeHandler(handler)
    logger.addHandler(_StderrHandler())
    logger.propagate = False

# SPDX-License-Identifier: Apache-2.0
"""Where log lines go: to stderr, one line each."""

from __future__ import annotations

import logging

import click

__all__ = ["log_to_stderr"]


class _StderrHandler(logging.Handler):
    """Log lines on whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        click.echo(self.format(record), err=True)


def log_to_stderr(level: int) -> None:
    """Print what the library logs at `level` and above."""
    logger = logging.getLogger("snncc")
    logger.setLevel(level)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())
        logger.propagate = False

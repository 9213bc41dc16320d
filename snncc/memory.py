# SPDX-License-Identifier: Apache-2.0
"""What there is not enough memory for, said as an error for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from snncc.errors import ModelError

__all__ = ["enough_memory"]


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Turn a MemoryError into a ModelError that says that `what` needs more memory than there is; also a decorator."""
    try:
        yield
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        hint = "Is an axis of an input or of a weight longer than it should be?"
        raise ModelError(f"{what} needs more memory than there is{reason}. {hint}") from error

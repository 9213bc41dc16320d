# SPDX-License-Identifier: Apache-2.0
"""File locks that end with the process that holds them."""

from __future__ import annotations

import errno
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["HAS_LOCKS", "lock"]

HAS_LOCKS = fcntl is not None


def lock(file: IO[Any]) -> bool:
    """Lock `file` until it is closed; False if another process has locked it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != errno.EWOULDBLOCK  # a file system without locks
    return True

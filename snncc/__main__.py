# SPDX-License-Identifier: Apache-2.0
"""Where the `snncc` command begins, also as `python -m snncc`: Ctrl-C ends it in one line while it imports, too."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]

_INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Import the commands and run the one that `sys.argv` names."""
    # A process that shall ignore Ctrl-C, as one in the background of a shell, is left to do so.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _end)
    from snncc.cli import main as run

    try:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run()
    except KeyboardInterrupt:  # before the command or behind it, which has the same line for those within
        print("Interrupted.", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    finally:
        if ours:  # all is written; what runs at exit is not to be cut short
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(_number: int, _frame: object) -> None:
    """End at once: nothing is open yet, and an exception would come out of an import as another one."""
    os.write(2, b"Interrupted.\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()

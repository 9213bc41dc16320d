# SPDX-License-Identifier: Apache-2.0
"""Entry point of the `snncc` command and of `python -m snncc.cli`; handles Ctrl-C during imports, too."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from snncc.cli.interrupts import MESSAGE, STATUS

__all__ = ["main"]


def main() -> None:
    """Import the commands and run the one that `sys.argv` names."""
    # A process that shall ignore Ctrl-C, as one in the background of a shell, is left to do so.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from snncc.cli import main as run

        run(prog_name="snncc")
    except KeyboardInterrupt:  # before the command or after it
        print(MESSAGE, file=sys.stderr)
        sys.exit(STATUS)
    finally:
        if ours:  # all output is written; exit handlers must not be interrupted
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; during an import exit at once, since imports may replace or swallow the exception.

    That leaves what a kill leaves: whole files, and temporary ones that the next command clears.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, f"{MESSAGE}\n".encode())
            os._exit(STATUS)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

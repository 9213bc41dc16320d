# SPDX-License-Identifier: Apache-2.0
"""Shell command as test of a fault: receives a model's path, exits with 0 if the fault shows."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import onnx

from snncc.errors import OptionError
from snncc.io.opening import openable
from snncc.storage.temporary import temporary_folder

__all__ = ["ShellCheck"]

_PLACE = "{}"


@dataclass(frozen=True)
class ShellCheck:
    """Whether `command`, run by the shell in the current folder, exits with 0.

    Args:
        command: `{}` in it is replaced by the path of the model.
        timeout: Seconds that it may take; whoever takes longer is ended, with all that it started, and shows no fault.

    Raises:
        OptionError: there is no `{}` in the command.
    """

    command: str
    timeout: float

    def __post_init__(self) -> None:
        if _PLACE not in self.command:
            message = f"the check '{self.command}' does not say where the model's path belongs"
            raise OptionError(f"{message}. Put {_PLACE} there.")

    def __call__(self, model: onnx.ModelProto) -> bool:
        """Run the command on `model`."""
        with (
            temporary_folder() as folder,
            openable(model) as source,
        ):
            path = folder / "candidate.onnx" if isinstance(source, bytes) else Path(source)
            if isinstance(source, bytes):
                path.write_bytes(source)
            return self._status(self.command.replace(_PLACE, shlex.quote(str(path)))) == 0

    def _status(self, command: str) -> int | None:
        """The exit status; None if time ran out."""
        silent = subprocess.DEVNULL
        process = subprocess.Popen(
            command, shell=True, stdin=silent, stdout=silent, stderr=silent, start_new_session=True
        )
        try:
            return process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a shell and its child processes."""
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()

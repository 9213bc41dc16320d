# SPDX-License-Identifier: Apache-2.0
"""The `snncc` command: parses, and turns errors into one line. Exit status 0 fine, 1 a clear error, 2 usage."""

from __future__ import annotations

import io
import logging
import signal
import sys
from typing import Any

import click

from snncc.cli.commands.bench import bench
from snncc.cli.commands.check import check
from snncc.cli.commands.compare import compare
from snncc.cli.commands.convert import convert
from snncc.cli.commands.debug import debug
from snncc.cli.commands.demo import demo
from snncc.cli.commands.evaluate import evaluate
from snncc.cli.commands.export import export
from snncc.cli.commands.fit_fs import fit_fs
from snncc.cli.commands.inspect import inspect
from snncc.cli.commands.ops import ops
from snncc.cli.commands.report import report
from snncc.cli.commands.run import run
from snncc.cli.commands.sweep import sweep
from snncc.cli.commands.tables import tables
from snncc.cli.commands.tune import tune
from snncc.cli.logging_setup import log_to_stderr
from snncc.cli.output import echo
from snncc.errors import SnnccError
from snncc.io.progress import shown

__all__ = ["main"]


_INTERRUPTED = 128 + signal.SIGINT


class _Group(click.Group):
    """A group whose commands end in one line on stderr when the library refuses something."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            try:
                return super().main(*args, **options)
            finally:
                sys.stdout.flush()  # else the interpreter would, and complain, after the exit status is known
        except OSError as error:
            sys.stdout = io.StringIO()  # what is left in the old one has nowhere to go
            echo(f"OutputError: stdout cannot be written ({error.strerror or error}).", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with shown():
                return super().invoke(ctx)
        except SnnccError as error:
            echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            echo("Interrupted.", err=True)
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="snncc")
def main() -> None:
    """Compile a trained ReLU network, given as ONNX, into a spiking network, given as ONNX.

    Weights in other files are read from the model's folder only, and from the folders that the environment variable
    SNNCC_TRUST names.
    """
    log_to_stderr(logging.WARNING)


for _command in (
    convert,
    tune,
    run,
    evaluate,
    report,
    compare,
    tables,
    check,
    bench,
    sweep,
    debug,
    inspect,
    export,
    ops,
    fit_fs,
    demo,
):
    main.add_command(_command)

# SPDX-License-Identifier: Apache-2.0
"""The `snncc` command group: parses, and prints errors as one line. Exit status: 0 success, 1 error, 2 usage."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import click

from snncc.cli.interrupts import MESSAGE, STATUS
from snncc.cli.logging_setup import log_to_stderr
from snncc.cli.output import echo
from snncc.errors import OptionError, SnnccError
from snncc.io.progress import shown

__all__ = ["COMMANDS", "main"]


# By name: the short help. The command is in the module of its name, and is imported when it is wanted.
COMMANDS = {
    "convert": "Turn a ReLU network into a spiking network.",
    "tune": "Convert with the best levels and scale for each layer.",
    "run": "Run a model on a file or folder of inputs.",
    "evaluate": "Compare a spiking network with its ANN on data.",
    "report": "A page with pictures of a spiking network and its ANN.",
    "compare": "Several conversions of one network side by side.",
    "tables": "The papers' tables, beside the same measured on your networks.",
    "check": "The gate for CI: structure, kernels, budgets.",
    "bench": "Latency and throughput of a spiking network and its ANN.",
    "sweep": "Convert and evaluate a grid of models, codings and options.",
    "debug": "Say where it goes wrong: by layer, or by graph.",
    "inspect": "Say what a model is, and whether it would convert.",
    "export": "Write a converted network for a neuromorphic tool.",
    "ops": "List the neuron ops, or describe one.",
    "fit-fs": "Fit a few-spikes neuron to an activation.",
    "demo": "Convert and evaluate a small CNN; downloads nothing.",
}


class _Commands(MutableMapping[str, click.Command]):
    """The commands of the table, each imported on look-up, and commands that are added."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command] = {}
        self._names = dict.fromkeys(COMMANDS)

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            word = name.replace("-", "_")
            self._loaded[name] = getattr(import_module(f"snncc.cli.commands.{word}"), word)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._names[name], self._loaded[name] = None, command

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Group(click.Group):
    """A group whose commands end with one line on stderr on a SnnccError."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx) if name in COMMANDS])

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            try:
                return super().main(*args, **options)
            finally:
                sys.stdout.flush()  # else the interpreter would, and complain, after the exit status is known
        except OSError as error:
            sys.stdout = io.StringIO()  # the buffer of the old one cannot be written
            echo(f"Error: stdout cannot be written ({error.strerror or error}).", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with shown():
                return super().invoke(ctx)
        except SnnccError as error:
            echo(f"Error: {error}", err=True)
            ctx.exit(2 if isinstance(error, OptionError) else 1)
        except KeyboardInterrupt:
            echo(MESSAGE, err=True)
            ctx.exit(STATUS)


@click.group(cls=_Group, commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="snncc")
def main() -> None:
    """Compile a trained ReLU network, given as ONNX, into a spiking network, given as ONNX.

    Weights in other files are read from the model's folder only, and from the folders that the environment variable
    SNNCC_TRUST names.
    """
    log_to_stderr(logging.WARNING)

# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from snncc.cli.logging_setup import log_to_stderr

__all__ = ["FILE", "ann", "data", "device", "json_flag", "limit", "preprocess", "verbose"]

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def _set_level(_ctx: click.Context, _parameter: click.Parameter, count: int) -> None:
    log_to_stderr(_LEVELS[min(count, 2)])


# The library checks whether a path exists; its message says more about what it expected.
FILE = click.Path(path_type=Path)

ann = click.option("--ann", type=FILE, required=True, metavar="MODEL", help="The network that SNN was converted from.")
data = click.option(
    "--data",
    type=FILE,
    required=True,
    metavar="FILE",
    help="An .npz file with `labels`, and the inputs as `input`, `images` or the model's own name. Without labels "
    "(also .npy, folder of images) there is no accuracy.",
)
json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the networks run; auto takes CUDA where there is one.",
)
preprocess = click.option(
    "--preprocess",
    metavar="TEXT",
    help="How uint8 images become inputs: raw (0…255 as they are, the default), unit (0…1), imagenet, or keys such as "
    "'scale=1/255,mean=.485,.456,.406,std=.229,.224,.225,bgr'. Floating-point data is taken as it is.",
)
limit = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use the first N samples only.")
verbose = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    callback=_set_level,
    help="Log each pass; twice: each node that a pass leaves alone, and why.",
)

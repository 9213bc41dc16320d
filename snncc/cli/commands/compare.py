# SPDX-License-Identifier: Apache-2.0
"""`snncc compare`: compare several conversions of one network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snncc.cli.output import print_json
from snncc.cli.shared_options import FILE, ann, data, device, json_flag, limit, preprocess
from snncc.cli.table_files import csv_option, latex_option, print_tables, write_tables
from snncc.errors import OptionError
from snncc.io.outputs import require_outputs

__all__ = ["compare"]


@click.command(short_help="Several conversions of one network side by side.")
@click.argument("snns", nargs=-1, required=True, type=FILE, metavar="SNN...")
@ann
@data
@preprocess
@limit
@click.option(
    "--runtimes",
    default="cpu",
    show_default=True,
    metavar="LIST",
    help="Whose time is taken, with commas: body (plain onnxruntime), cpu (snncc's kernels), cuda; none: no time.",
)
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Samples of a timed run."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Timed runs of each."
)
@click.option(
    "--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Of onnxruntime.  [default: one per core]"
)
@device
@csv_option
@latex_option
@json_flag
def compare(
    snns: tuple[Path, ...],
    ann: Path,
    data: Path,
    runtimes: str,
    csv_file: Path | None,
    latex_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Accuracy, spikes, energy and latency of several converted models, and their time beside that of their ANN.

    All take turns in one process, so that a busy moment strikes them alike. The figures are those of `snncc evaluate`.
    """
    from snncc.tools.compare import compare as run

    require_outputs({"--csv": csv_file, "--latex": latex_file}, [*snns, ann, data])
    if len(set(snns)) < len(snns):
        raise OptionError("a model is given twice. Give each of them once.")
    wanted = [] if runtimes == "none" else [name.strip() for name in runtimes.split(",")]
    found = run(snns, ann, data, runtimes=wanted, **options)
    table = found.table(f"{ann.name} on {data.name}")
    write_tables([table], csv_file, latex_file)
    if as_json:
        print_json(found.to_json())
    else:
        print_tables([table])

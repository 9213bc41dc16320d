# SPDX-License-Identifier: Apache-2.0
"""`snncc fit-fs`: fit the tables of a few-spikes neuron to an activation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from snncc.cli.output import number, print_json, print_table, print_text
from snncc.cli.shared_options import json_flag
from snncc.errors import DataError
from snncc.io.atomic_write import require_writable, write_whole

if TYPE_CHECKING:
    from snncc.coding.fs_tables.tables import Entry

__all__ = ["fit_fs"]


@click.command("fit-fs", short_help="Fit a few-spikes neuron to an activation.")
@click.argument("activation")
@click.option("--K", "K", type=int, default=16, show_default=True, help="Number of time steps.")
@click.option("--range", "limits", type=float, nargs=2, metavar="LOW HIGH", help="Pre-activations to fit on.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the search; another one, another table.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file of tables to put this one into.")
@json_flag
def fit_fs(
    activation: str, K: int, limits: tuple[float, float] | None, seed: int, output: Path | None, as_json: bool
) -> None:
    """Fit thresholds T, resets h and spike values d of a few-spikes neuron to ACTIVATION: swish, gelu, sigmoid, tanh …

    Takes seconds to a minute. With -o the table is added to the FILE, in place of an older one of the same activation,
    K and range.
    """
    from snncc.coding.fs_tables.activations import activation as known
    from snncc.coding.fs_tables.fit import fit
    from snncc.coding.fs_tables.tables import Entry, dumped, replaced

    function, low, high = known(activation)
    low, high = limits or (low, high)
    if output is not None:
        require_writable(output)
    before = _entries(output)
    entry = Entry(activation, seed, fit(function, K, low, high, seed))
    if output is not None:
        write_whole(output, dumped(replaced(before, entry)).encode())
    if as_json:
        print_json(entry.to_json())
        return
    found = entry.table
    rows = [(t, *map(number, step)) for t, step in enumerate(zip(found.T, found.h, found.d, strict=True), 1)]
    print_table(f"{activation} in {K} steps", ("t", "T: threshold", "h: reset", "d: value"), rows)
    print_text(
        f"On [{found.low:g}, {found.high:g}] the root mean square error is {number(found.rmse)}, "
        f"the largest error {number(found.max_error)}."
    )


def _entries(path: Path | None) -> tuple[Entry, ...]:
    from snncc.coding.fs_tables.tables import parsed

    if path is None or not path.exists():
        return ()
    try:
        return parsed(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}). Give another file.") from error

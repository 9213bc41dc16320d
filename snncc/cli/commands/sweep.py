# SPDX-License-Identifier: Apache-2.0
"""`snncc sweep`: evaluate a grid of models, codings and options over shards of the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from snncc.cli.output import echo, print_json, print_table, print_text
from snncc.cli.shared_options import FILE, json_flag
from snncc.io.atomic_write import write_whole
from snncc.io.outputs import require_outputs

if TYPE_CHECKING:
    from snncc.tools.sweep import Plan, Table

__all__ = ["sweep"]


@click.command(short_help="Convert and evaluate a grid of models, codings and options.")
@click.argument("grid", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="SQLite file of the results.")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Processes on this machine.  [default: one per core]"
)
@click.option("--ray", metavar="[auto|ADDRESS]", help="Run on this Ray cluster instead.")
@click.option("--csv", type=FILE, metavar="FILE", help="Also write the table as CSV.")
@click.option("--parquet", type=FILE, metavar="FILE", help="Also write the table as Parquet.")
@click.option(
    "--max-configurations",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse a GRID of more configurations.  [default: 10000]",
)
@click.option("--dry-run", is_flag=True, help="List the configurations, and run nothing.")
@json_flag
@click.pass_context
def sweep(
    ctx: click.Context,
    grid: Path,
    output: Path,
    jobs: int | None,
    ray: str | None,
    csv: Path | None,
    parquet: Path | None,
    max_configurations: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Convert and evaluate each configuration of GRID, a TOML file, on its data, shard by shard.

    The same command goes on where it was stopped, by Ctrl-C, a crash or a power cut, and runs what has been added to
    GRID. Configurations that cannot be converted or evaluated are in the table with a message; the exit status is then
    1. docs/sweep.md says what GRID looks like, and what is in the table.
    """
    from snncc.tools.sweep import read_plan
    from snncc.tools.sweep import sweep as run

    if jobs is not None and ray is not None:
        raise click.UsageError("--jobs says how many processes run here, --ray that others do; give one of them.")
    plan = read_plan(grid, max_configurations)
    if dry_run:
        _list(plan, as_json)
        return
    read = {path for c in plan.configurations.values() for path in (c.model, c.data, c.calib) if path}
    echo(f"{len(plan.configurations)} configurations in {len(plan)} shards.", err=True)
    require_outputs({"-o": output, "--csv": csv, "--parquet": parquet}, [grid, *map(Path, sorted(read))])
    try:
        table = run(plan, output, jobs=jobs, ray=ray)
    except KeyboardInterrupt:
        echo(f"Stopped. What is done is in {output}; the same command goes on from there.", err=True)
        raise
    if csv is not None:
        write_whole(csv, table.csv())
    if parquet is not None:
        write_whole(parquet, table.parquet())
    if as_json:
        print_json(table.records())
    else:
        _print(table, output)
    if table.failed:
        ctx.exit(1)


def _list(plan: Plan, as_json: bool) -> None:
    listed = [(id_, c.title(), len(plan.shards[id_])) for id_, c in plan.configurations.items()]
    if as_json:
        print_json([dict(zip(("configuration", "title", "shards"), row, strict=True)) for row in listed])
    else:
        print_table(f"{len(listed)} configurations, {len(plan)} shards", ("id", "configuration", "shards"), listed)


def _print(table: Table, output: Path) -> None:
    columns = ("configuration", "ANN %", "SNN %", "spikes", "gain", "steps")
    rows: list[tuple[object, ...]] = []
    for row in table.rows:
        found = row.found
        if found is None:
            rows.append((row.configuration.title(), "", row.state, "", "", ""))
            continue
        top1 = ("", "") if found.top1 is None else tuple(f"{value:.2f}" for value in found.top1)
        gain = found.energy.gain()
        rest = (f"{found.spikes_per_neuron:.4f}", "" if gain is None else f"{gain:.2f} x", found.latency_steps)
        rows.append((row.configuration.title(), *top1, *rest))
    print_table("Top-1 accuracy, spikes per neuron, energy gain (counted), latency", columns, rows)
    for row in table.rows:
        if row.message:
            print_text(f"{row.configuration.title()}: {row.message}\n")
    print_text(f"{len(rows)} configurations, {table.failed} failed; all of it is in {output}.")

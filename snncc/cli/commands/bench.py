# SPDX-License-Identifier: Apache-2.0
"""`snncc bench`: latency and throughput of a spiking network and its ANN."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.output import number, print_json, print_table, print_text
from snncc.cli.shared_options import FILE, device, json_flag, preprocess

if TYPE_CHECKING:
    from snncc.tools.bench import Benchmark

__all__ = ["bench"]

_TITLES = {"ann": "ANN", "body": "SNN, plain onnxruntime", "kernels": "SNN, snncc's kernels"}
_SHOWN = 10  # nodes of a network


@click.command(short_help="Latency and throughput of a spiking network and its ANN.")
@click.argument("snn", type=FILE)
@click.option("--ann", type=FILE, metavar="MODEL", help="The network that SNN was converted from, to compare with.")
@click.option("--data", type=FILE, metavar="FILE", help="An .npy or .npz file or folder of images; else noise is run.")
@preprocess
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Samples of a run.  [default: 1]")
@click.option(
    "--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Of onnxruntime.  [default: one per core]"
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="Runs of each network."
)
@click.option("--layers", is_flag=True, help=f"Also list the {_SHOWN} nodes of each network that take most time.")
@device
@json_flag
def bench(snn: Path, as_json: bool, **options: Any) -> None:
    """Take the time of SNN, of any form, with snncc's kernels and in plain onnxruntime, and of the ANN beside it.

    All run in one process, in turns, so that a busy moment strikes them alike. p50, p90 and p99 are percentiles of the
    milliseconds of a run, that is of a whole batch, and of all time steps of a model of single ones.
    """
    from snncc.tools.bench import benchmark

    found = benchmark(snn, **options)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, snn)


def _print(found: Benchmark, snn: Path) -> None:
    with_ann = found.timings[0].ratio is not None
    columns = ("", "p50 ms", "p90 ms", "p99 ms", "samples/s", *(("time / ANN",) if with_ann else ()))
    rows = [
        (_TITLES[t.name], *map(number, t.ms), f"{t.throughput:,.0f}", *((f"{t.ratio:.2f} x",) if with_ann else ()))
        for t in found.timings
    ]
    print_table(f"{snn}, batch {found.batch}", columns, rows)
    threads = f"{found.threads} thread(s)" if found.threads else "one thread per core"
    print_text(f"{found.rounds} rounds on {found.device}, {threads}.\n")
    for name, nodes in found.nodes.items():
        listed = [(n.name, n.op, number(n.ms), f"{100 * n.share:.1f}") for n in nodes[:_SHOWN]]
        print_table(f"{_TITLES[name]}: where the time goes", ("node", "op", "ms", "%"), listed)

# SPDX-License-Identifier: Apache-2.0
"""`snncc debug reduce`: the smallest part of a model that still shows a fault, for a bug report."""

from __future__ import annotations

from pathlib import Path

import click

from snncc.cli.output import print_json, print_table, print_text
from snncc.cli.shared_options import FILE, json_flag
from snncc.io.atomic_write import write_model
from snncc.io.outputs import require_outputs

__all__ = ["reduce"]

_MOST = 20  # nodes that are listed


@click.command(short_help="Shrink a model to the smallest graph that still shows a fault.")
@click.argument("model", type=FILE)
@click.option("--check", required=True, metavar="CMD", help="Shell command that tells whether the fault shows.")
@click.option("-o", "--output", type=FILE, required=True, metavar="SMALL.onnx", help="Where the smallest model goes.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="What a run of CMD may take; one that takes longer is ended, and shows no fault.",
)
@json_flag
def reduce(model: Path, check: str, output: Path, timeout: float, as_json: bool) -> None:
    """Shrink MODEL, converted or not, to the smallest model that still shows a fault.

    CMD is run again and again, with the path of a candidate model in place of {}. It must exit with status 0 where the
    candidate still shows the fault, and with another status where it does not, as for creduce and llvm-reduce. What it
    prints is dropped.

    \b
    For instance, where a conversion ends in a message with "Softmax" in it:
      snncc debug reduce model.onnx -o small.onnx \\
          --check 'snncc convert {} -o /dev/null 2>&1 | grep -q Softmax'

    Look for the very message, as grep does here: any other error would do as well otherwise, and a smaller model may
    have one. Nodes are cut out or bypassed, outputs dropped, and large weights become inputs where the fault allows.
    """
    from snncc.tools.debug import reduce_model
    from snncc.tools.debug.shell_oracle import ShellCheck

    require_outputs({"-o": output}, [model])
    found = reduce_model(model, ShellCheck(check, timeout))
    write_model(output, found.model)
    nodes = [(n.op_type, n.name or n.output[0]) for n in found.model.graph.node]
    if as_json:
        listed = [{"op": op, "name": name} for op, name in nodes]
        print_json({"before": found.before, "after": found.nodes, "checks": found.checks, "nodes": listed})
        return
    print_text(f"{model}: {found.before} nodes; {output}: {found.nodes}, in {found.checks} checks.\n")
    print_table("", ("op", "node"), nodes[:_MOST] + [("...", "")] * (len(nodes) > _MOST), right=False)

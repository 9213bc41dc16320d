# SPDX-License-Identifier: Apache-2.0
"""`snncc export`: write a converted network in the format of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snncc.cli.output import print_json, print_text
from snncc.cli.shared_options import json_flag
from snncc.io.outputs import require_outputs

__all__ = ["export"]


@click.command(short_help="Write a converted network for a neuromorphic tool.")
@click.argument("snn", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["nir"]), required=True, help="nir: Neuromorphic Intermediate Representation.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write, such as snn.nir.")
@json_flag
def export(snn: Path, to: str, output: Path, as_json: bool) -> None:
    """Write the converted network SNN, in rate coding, for a neuromorphic tool.

    NIR knows integrate-and-fire neurons whose potentials start at 0: convert with `--coding rate --shift bias
    --no-signed`. What it cannot say is refused: other codings, signed neurons, --wait, maximum pooling, all named at
    once.
    """
    from collections import Counter

    from snncc.tools.exporters import export as exported

    require_outputs({"-o": output}, [snn])
    graph: Any = exported(snn, output, to=to)
    kinds = Counter(type(node).__name__ for node in graph.nodes.values())
    if as_json:
        print_json({"output": str(output), "nodes": dict(sorted(kinds.items())), "edges": len(graph.edges)})
        return
    print_text(f"Wrote {output}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}.")
    print_text("Give the input as a constant current at every step; the output is the mean over the steps.")

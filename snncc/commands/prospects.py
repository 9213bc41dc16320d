# SPDX-License-Identifier: Apache-2.0
"""What would become of a network that is not converted: which codings have neurons for it, and what stays analog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snncc.errors import SnnccError

if TYPE_CHECKING:
    from snncc.coding import Coding
    from snncc.graph import Graph

__all__ = ["prospects", "sentences"]


def prospects(file: Path) -> tuple[dict[str, dict[str, str]], dict[str, str], list[str]]:
    """What each coding that converts it leaves analog, the recurrent layers, and what is in the way of all of them.

    The first two are {coding: {node: op}} and {node: op}, the last one is a line for each obstacle.
    """
    from snncc.coding import CODINGS
    from snncc.frontend import import_model
    from snncc.support import refuse_silence
    from snncc.vocabulary import RECURRENT

    try:
        graph = import_model(file)
        found = {name: _islands(graph.copy(), coding()) for name, coding in CODINGS.items()}
        analog = {name: islands for name, islands in found.items() if islands is not None}
        if not analog:
            refuse_silence(str(file))
    except SnnccError as error:
        return {}, {}, [line.strip() for line in str(error).splitlines()]
    return analog, {node.name: node.op for node in graph.nodes(*RECURRENT)}, []


def sentences(analog: dict[str, dict[str, str]], recurrent: dict[str, str]) -> str:
    """The same for a reader, codings with the same islands in one line."""
    from snncc.coding import CODINGS

    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for coding, islands in analog.items():
        groups.setdefault(tuple(islands.items()), []).append(coding)
    lines = []
    for stays, codings in groups.items():
        by = "" if len(codings) == len(CODINGS) else f" with --coding {' or '.join(codings)}"
        named = ", ".join(f"{op} '{name}'" for name, op in stays)
        analog_parts = f"; {len(stays)} op(s) would stay analog: {named}" if stays else ""
        lines.append(f"It converts{by}{analog_parts}.")
    if recurrent:
        named = ", ".join(f"{op} '{name}'" for name, op in recurrent.items())
        lines.append(f"The gates of {len(recurrent)} recurrent layer(s) become few-spikes neurons: {named}.")
    return "\n".join(lines)


def _islands(graph: Graph, coding: Coding) -> dict[str, str] | None:
    """What stays analog of `graph`, by node; None if nothing becomes a neuron."""
    from snncc.islands import islands
    from snncc.mixing import mixes_samples
    from snncc.passes.lower_activations import LowerActivations, activation_of
    from snncc.passes.manager import PassManager
    from snncc.passes.pipeline import preparation
    from snncc.vocabulary import RECURRENT

    PassManager(preparation(coding)).run(graph)
    curves = graph.nodes(*LowerActivations.ops) if coding.activations else []
    lowered = [(node, found[2]) for node in curves if (found := activation_of(graph, node))]
    neurons = lowered or graph.nodes("Relu", *RECURRENT)
    if not neurons or (coding.slices > 1 and mixes_samples(graph) is not None):
        return None
    replaced = {id(node) for pair in lowered for node in pair}
    stay = (node for node in islands(graph) if id(node) not in replaced and node.op not in RECURRENT)
    return {node.name: node.op for node in stay}

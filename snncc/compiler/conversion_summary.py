# SPDX-License-Identifier: Apache-2.0
"""Conversion summary: counts of neurons, folded BatchNormalizations, folded factors and analog ops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from snncc.analysis.analog_ops import analog_ops
from snncc.ir.graph import Graph, Node
from snncc.ir.nodes import is_neuron
from snncc.ir.op_sets import MOVES, WEIGHTED
from snncc.ir.provenance import MESSAGE, SOURCE, VALUE
from snncc.ops import DOMAIN
from snncc.passes.manager import Report
from snncc.passes.normalise.insert_scales import InsertScales
from snncc.passes.shared.scaling import constant_factor

__all__ = ["conversion_summary", "outcome_rows"]


def conversion_summary(
    source: onnx.ModelProto, graph: Graph, reports: Sequence[Report], fold_bn: str
) -> dict[str, Any]:
    """The summary as JSON values, for the metadata; a scale of a neuron counts as two factors, before and after it.

    Args:
        source: The network as it was given.
        graph: What it has become.
        reports: Of the passes that ran.
        fold_bn: Where BatchNormalization went: `weights` or `threshold`.
    """
    names = {n.name or n.output[0]: n.op_type for n in source.graph.node if n.output}
    became = Counter((_origin(graph, n, names), n.op) for n in graph.nodes() if is_neuron(n))
    for scan in (n for n in graph.nodes("Scan") if graph.has_role(n, "recurrent")):
        gates = [n.op_type for n in scan.attrs["body"].node if n.domain == DOMAIN]
        became.update((f"{_origin(graph, scan, names)} gate", op) for op in gates)
    norms = graph.nodes("BatchNormalization")
    left = [n.name for n in graph.nodes("Mul") if constant_factor(graph, n) and graph.has_role(n, "factor")]
    inserted = 2 * sum(count for report in reports for name, count in report.rewrites if name == InsertScales.name)
    return {
        "neurons": [{"from": origin, "to": op, "layers": count} for (origin, op), count in sorted(became.items())],
        "synapses": dict(sorted(Counter(n.op for n in graph.nodes(*WEIGHTED)).items())),
        "batchnorm": {
            "folded": sum(op == "BatchNormalization" for op in names.values()) - len(norms),
            "into": fold_bn,
            "left": [n.name for n in norms],
        },
        "scales": {"inserted": inserted, "absorbed": max(0, inserted - len(left)), "left": left},
        "islands": dict(sorted(Counter(n.op for n in analog_ops(graph)).items())),
    }


def _origin(graph: Graph, node: Node, nodes: Mapping[str, str]) -> str:
    """The source op from which `node` was made; for neurons that replace none, `input`, `message`, or the op whose
    values they code.
    """
    known = graph.provenance(node)
    if known.op == VALUE:
        maker = graph.producer(node.inputs[0])
        while maker is not None and (maker.op in MOVES or maker.op == "Tile"):
            maker = graph.producer(maker.inputs[0])
        return MESSAGE if maker is None or maker.op in ("Add", *WEIGHTED) else str(maker.op)
    return known.op if known.op in (SOURCE, MESSAGE) else nodes.get(known.origin, known.op)


def outcome_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows (in the network, in the spiking network) of the metadata entry snncc.outcome."""
    lines = [(_of(n["layers"], n["from"]), _of(n["layers"], n["to"])) for n in found["neurons"]]
    lines += [(_of(count, op), "synapses") for op, count in found["synapses"].items()]
    norms, scales = found["batchnorm"], found["scales"]
    if norms["folded"] > 0:
        lines.append((_of(norms["folded"], "BatchNormalization"), f"folded into {norms['into']}"))
    if norms["left"]:
        lines.append((_of(len(norms["left"]), "BatchNormalization"), "stay, as synapses of their own"))
    if scales["absorbed"]:
        lines.append((_of(scales["absorbed"], "scales of neurons"), "absorbed by weights"))
    if scales["left"]:
        lines.append((_of(len(scales["left"]), "scales of neurons"), "stay, as Mul"))
    return lines + [(_of(count, op), "analog ops") for op, count in found["islands"].items()]


def _of(count: int, what: str) -> str:
    return f"{count} {what}"

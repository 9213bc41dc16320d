# SPDX-License-Identifier: Apache-2.0
"""What became of a network's nodes: neurons, folded BatchNormalizations, factors that weights took up, islands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from snncc.graph import Graph
from snncc.islands import islands
from snncc.ops import DOMAIN, get
from snncc.passes.insert_scales import InsertScales
from snncc.passes.manager import Report
from snncc.passes.scale import constant_factor
from snncc.passes.spike_messages import MESSAGE
from snncc.passes.synapse import SYNAPSES

__all__ = ["outcome"]

_ENDINGS = ("_normalise", "_rescale", "_lifted", "_gain")


def outcome(source: onnx.ModelProto, graph: Graph, reports: Sequence[Report], fold_bn: str) -> dict[str, Any]:
    """As JSON values, for the metadata; a scale of a neuron is two factors, in front of it and behind it.

    Args:
        source: The network as it was given.
        graph: What it has become.
        reports: Of the passes that ran.
        fold_bn: Where BatchNormalization went: `weights` or `threshold`.
    """
    names = {n.name or n.output[0]: n.op_type for n in source.graph.node if n.output}
    inputs = {i.name for i in source.graph.input}
    became = Counter(
        (_origin(n.name, names, inputs), n.op) for n in graph.nodes() if n.domain == DOMAIN and get(n.op).neuron
    )
    for scan in graph.nodes("Scan"):
        gates = [n.op_type for n in scan.attrs["body"].node if n.domain == DOMAIN]
        became.update((f"{_origin(scan.name, names, inputs)} gate", op) for op in gates)
    norms = graph.nodes("BatchNormalization")
    left = [n.name for n in graph.nodes("Mul") if constant_factor(graph, n) and _is_factor(n.name)]
    inserted = 2 * sum(count for report in reports for name, count in report.rewrites if name == InsertScales.name)
    return {
        "neurons": [{"from": origin, "to": op, "layers": count} for (origin, op), count in sorted(became.items())],
        "synapses": dict(sorted(Counter(n.op for n in graph.nodes(*SYNAPSES, "Aggregate")).items())),
        "batchnorm": {
            "folded": sum(op == "BatchNormalization" for op in names.values()) - len(norms),
            "into": fold_bn,
            "left": [n.name for n in norms],
        },
        "scales": {"inserted": inserted, "absorbed": max(0, inserted - len(left)), "left": left},
        "islands": dict(sorted(Counter(n.op for n in islands(graph)).items())),
    }


def _is_factor(name: str) -> bool:
    return name.rstrip("0123456789").rstrip("_").endswith(_ENDINGS)


def _origin(neuron: str, nodes: Mapping[str, str], inputs: set[str]) -> str:
    """The op of the node whose name, extended by those who rewrote it, is the neuron's; messages have none."""
    name = neuron
    while name and name not in nodes and name not in inputs:
        if name.endswith(MESSAGE):
            return "message"
        name = name.rpartition("_")[0]
    return nodes.get(name, "input" if name in inputs else "Relu")

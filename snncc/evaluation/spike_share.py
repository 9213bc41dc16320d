# SPDX-License-Identifier: Apache-2.0
"""The share of a spiking network's operations that spikes drive, without running it."""

from __future__ import annotations

import onnx

from snncc.analysis.network_view import Network
from snncc.errors import SnnccError
from snncc.evaluation.fanout import macs
from snncc.execution.folded_form import to_folded

__all__ = ["spike_share"]


def spike_share(model: onnx.ModelProto) -> float | None:
    """The share of the multiply-accumulates of all synaptic layers of a converted model whose inputs are spikes.

    None without such layers, with open axes other than the batch, and where steps cannot be counted.
    """
    try:
        network = Network(to_folded(model))
        made = [(macs(network, node), network.spike_driven(node)) for node in network.synapses]
    except SnnccError:
        return None
    total = sum(count for count, _ in made)
    return sum(count for count, driven in made if driven) / total if total else None

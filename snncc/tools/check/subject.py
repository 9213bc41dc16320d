# SPDX-License-Identifier: Apache-2.0
"""Subject of the checks: a converted model and its recorded source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import onnx

from snncc.analysis.activation_sites import activation_nodes
from snncc.analysis.activations import ACTIVATIONS
from snncc.coding.from_metadata import recorded_bounds, recorded_coding, spikes_at_sums
from snncc.errors import ModelError
from snncc.frontend.import_model import import_model
from snncc.ir.graph import Graph
from snncc.ir.metadata import metadata_of
from snncc.ir.nodes import all_nodes, is_neuron
from snncc.passes.pipeline import prepared

__all__ = ["CheckSubject"]


@dataclass(frozen=True, eq=False)
class CheckSubject:
    """A converted model and its recorded source."""

    snn: onnx.ModelProto
    ann: onnx.ModelProto

    @property
    def neurons(self) -> list[onnx.NodeProto]:
        """The spiking neurons, those inside a loop included."""
        return [n for n in all_nodes(self.snn.graph) if is_neuron(n)]

    @cached_property
    def source(self) -> Graph:
        """The ANN as imported."""
        return import_model(self.ann)

    @cached_property
    def prepared(self) -> Graph:
        """The source as prepared for calibration."""
        coding = recorded_coding(self.snn)
        if coding is None:
            return self.source
        return prepared(self.source, coding, recorded_bounds(self.snn), linear=spikes_at_sums(self.snn))

    @cached_property
    def activations(self) -> dict[str, str]:
        """By name, the nodes that neurons may replace, and their ops, after preparation of the source
        for the coding.
        """
        graph = self.prepared
        return {node.name: node.op for node in (*activation_nodes(graph), *graph.nodes(*ACTIVATIONS))}

    @cached_property
    def gates(self) -> dict[str, int]:
        """The recorded gates of recurrent layers, and the number of steps of each."""
        layers = self.metadata("recurrent").values()
        return {name: int(layer.get("K", 0)) for layer in layers for name in layer.get("gates", ())}

    def metadata(self, key: str) -> Any:
        """The metadata `key`, parsed; an empty dict if it is missing or damaged."""
        try:
            found = metadata_of(self.snn).get(f"snncc.{key}")
        except ModelError:
            return {}
        return found if isinstance(found, dict) else {}

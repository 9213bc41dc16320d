# SPDX-License-Identifier: Apache-2.0
"""Export a rate-coded network as NIR, the Neuromorphic Intermediate Representation (neuroir.org).

There is one NIR node for each layer of synapses and of neurons; sums are joining edges. NIR's time is continuous, so
that a neuron resets to `v_reset` when it reaches its threshold. In time steps this is a subtraction of the threshold,
which the graph's metadata state, with the number of steps and that outputs are means over them.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from snncc.analysis.network_view import Network
from snncc.errors import ModelError, OptionError, SnnccError, UnsupportedOpError
from snncc.execution.converted_model import read_converted
from snncc.execution.folded_form import to_folded
from snncc.io.atomic_write import write_whole
from snncc.io.model_reader import Source, model_name
from snncc.ir.metadata import metadata_of
from snncc.ir.nodes import label
from snncc.tools.exporters.nir_layers import LAYERS, UnsayableError, shift_of

if TYPE_CHECKING:
    import nir

__all__ = ["FORMATS", "export"]

FORMATS = ("nir",)
_UNKNOWN = dict.fromkeys(("GlobalMaxPool", "Increase", "MaxPool", "RunningTotal"), "maximum pooling")
_PASSED = frozenset({"Identity", "Dropout"})


def export(model: Source, path: Path | str | None = None, *, to: str = "nir") -> nir.NIRGraph:
    """Export `model`, a converted network in rate coding, as a NIR graph, and write it to `path` if given.

    Shapes are those of one sample, without the batch axis. The input is a constant current, given at every time step;
    outputs are the mean over all steps.

    Raises:
        ModelError: the model is not converted, or in a coding that NIR has no neuron for.
        UnsupportedOpError: NIR has no node for some of its ops; all of them are named.
        OptionError: there is no such format.
        SnnccError: the package nir is not installed.
        OutputError: `path` cannot be written.
    """
    if to not in FORMATS:
        raise OptionError(f"there is no format '{to}'; snncc exports to {', '.join(FORMATS)}")
    try:
        import nir
    except ImportError as error:
        raise SnnccError("the format needs the package nir, which is not there: pip install 'snncc[nir]'") from error
    name = model_name(model)
    converted = read_converted(model)
    coding = metadata_of(converted).get("snncc.coding", {})
    _refuse_coding(coding, name)
    graph = _Writer(converted, name).graph(coding)
    if path is not None:
        content = io.BytesIO()  # HDF5 ends the process where it cannot write a file
        nir.write(content, graph)
        write_whole(Path(path), content.getvalue())
    return graph


def _refuse_coding(coding: dict[str, Any], name: str) -> None:
    remedy = "Convert with --coding rate --shift bias --no-signed."
    if coding.get("name") != "rate":
        raise ModelError(
            f"{name} is in {coding.get('name', 'no')} coding, and NIR knows integrate-and-fire neurons only. {remedy}"
        )
    if coding.get("signed") or coding.get("wait"):
        kind = "take spikes back" if coding.get("signed") else "wait for their input (--wait)"
        raise ModelError(f"{name} has neurons that {kind}, which NIR cannot say. {remedy}")
    if coding.get("shift") == "init":
        raise ModelError(f"{name} has potentials that start at half a threshold, and in NIR all start at 0. {remedy}")


class _Writer:
    """A NIR graph under construction: `feeds` are the names of the nodes whose sum each tensor is."""

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        self.network = Network(to_folded(model))
        self.name = name
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.feeds: dict[str, tuple[str, ...]] = {}
        self.refused: dict[str, list[str]] = {}

    def graph(self, coding: dict[str, Any]) -> nir.NIRGraph:
        """The NIR graph of the whole network; raises UnsupportedOpError."""
        import nir

        for name in self.network.inputs:
            self._put(name, nir.Input(np.array(self.network.shape(name)[1:])), ())
            self.feeds[name] = (_plain(name),)
        for node in self.network.nodes:
            if self.network.activation_inputs(node):
                self._write(node)
        if self.refused:
            found = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in self.refused.items())
            raise UnsupportedOpError(f"{self.name} holds what NIR cannot say. {found}")
        for name in self.network.outputs:
            self._put(name, nir.Output(np.array(self.network.shape(name)[1:])), self.feeds[name])
        told = {"coding": coding, "reset": "subtract v_threshold", "output": "mean over the time steps", "dt": 1}
        return nir.NIRGraph(self.nodes, self.edges, metadata={"snncc": json.dumps(told, sort_keys=True)})

    def _write(self, node: onnx.NodeProto) -> None:
        carriers = self.network.activation_inputs(node)
        sources = tuple(s for name in carriers for s in self.feeds.get(name, ()))
        if node.op_type in _PASSED or self._is_sum(node):
            self.feeds[node.output[0]] = sources
            return
        try:
            if node.op_type not in LAYERS:
                raise UnsayableError(_UNKNOWN.get(node.op_type, f"{node.op_type} has no node in NIR"))
            layers = LAYERS[node.op_type](self.network, node)
            self._shift(node)
        except UnsayableError as reason:
            self.refused.setdefault(str(reason), []).append(f"'{label(node)}'")
            self.feeds[node.output[0]] = sources
            return
        for number, layer in enumerate(layers):
            sources = (self._put(f"{label(node)}_{number}" if number else label(node), layer, sources),)
        self.feeds[node.output[0]] = sources

    def _is_sum(self, node: onnx.NodeProto) -> bool:
        """Whether `node` adds activations, each once, of one shape: in NIR these are edges, not a node."""
        shapes = {self.network.shape(name) for name in (*node.input, node.output[0])}
        return (
            node.op_type in ("Add", "Sum")
            and len(self.network.activation_inputs(node)) == len(node.input)
            and len(shapes) == 1
        )

    def _shift(self, node: onnx.NodeProto) -> None:
        """What a neuron adds to its potential at each step goes into the bias of the synapses before it."""
        shift = shift_of(self.network, node)
        if shift is None:
            return
        for source in self.feeds[node.input[0]]:
            if hasattr(self.nodes[source], "bias") and [a for a, _ in self.edges].count(source) == 0:
                self.nodes[source].bias = self.nodes[source].bias + shift
                return
        raise UnsayableError("a neuron's bias needs synapses of its own in front of it, convert with --shift none")

    def _put(self, name: str, node: Any, sources: tuple[str, ...]) -> str:
        plain, number = _plain(name), 0
        while plain in self.nodes:
            number += 1
            plain = f"{_plain(name)}_{number}"
        self.nodes[plain] = node
        self.edges += [(source, plain) for source in sources]
        return plain


def _plain(name: str) -> str:
    """A name that HDF5 takes for one name, not for a path."""
    return name.replace("/", "_")

# SPDX-License-Identifier: Apache-2.0
"""Test which codings convert a network and which ops stay analog, by a trial conversion with scales of 1.

The passes are those of a conversion, in the same order, so that both agree. Without data, it is not tested that
calibration can run the network and that its activations are finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from snncc.analysis.activations import match_activation
from snncc.analysis.cpu_session import cpu_session, must_run
from snncc.analysis.integer_inputs import activation_sources
from snncc.coding import CODINGS, Coding
from snncc.coding.fs_tables.activations import activation
from snncc.coding.scales import Scales
from snncc.compiler import metadata_record
from snncc.compiler.conversion import Conversion
from snncc.compiler.options import ConversionOptions
from snncc.compiler.time_forms import in_form
from snncc.errors import SnnccError, enough_memory
from snncc.frontend.import_model import import_model
from snncc.io.model_reader import Source, model_name
from snncc.ir.graph import Graph
from snncc.ir.op_sets import RECURRENT

__all__ = ["Feasibility", "feasibility"]


Measure = Callable[[onnx.ModelProto], Any]


@dataclass(frozen=True)
class Feasibility:
    """Whether a network converts.

    Attributes:
        analog: By coding, with default parameters, that converts it: analog ops, {node: op}.
        refused: By coding that does not convert it: the reason.
        recurrent: Its recurrent layers, {node: op}.
        measured: By coding: what was measured of the converted network.
    """

    analog: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    recurrent: dict[str, str] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)


@enough_memory("the inspection")
def feasibility(source: Source, measure: Measure | None = None) -> Feasibility:
    """Whether and how `source` converts, for each coding; `measure` is called with each converted network, whose levels
    and scales are arbitrary.
    """
    name = model_name(source)
    found = Feasibility()
    try:
        graph = import_model(source, name)
        _must_run(graph)
    except SnnccError as error:
        found.refused.update(dict.fromkeys(CODINGS, str(error)))
        return found
    found.recurrent.update({node.name: node.op for node in graph.nodes(*RECURRENT)})
    for coding, kind in CODINGS.items():
        try:
            found.analog[coding], found.measured[coding] = _converted(graph.copy(), kind(), name, measure)
        except SnnccError as error:
            found.refused[coding] = str(error)
    return found


def _converted(graph: Graph, coding: Coding, name: str, measure: Measure | None) -> tuple[dict[str, str], Any]:
    """The analog ops of the imported `graph` after conversion, and what is measured; the graph is changed."""
    line = Conversion(name, coding, ConversionOptions(), observer=None)
    line.prepare(graph)
    made = line.spiking(graph, _scales_of_one(graph))
    analog = metadata_record.analog_op_kinds(made.graph)
    measured = None if measure is None else measure(made.graph.to_proto())
    if made.form.name != "folded":
        in_form(made.graph, coding, made.form, {})
    return analog, measured


def _scales_of_one(graph: Graph) -> Scales:
    """Scales that leave the weights unchanged; pre-activations of other activations have their default range."""
    potentials = {}
    for node in graph.nodes():
        found = match_activation(graph, node)
        if found is not None:
            usual = activation(found[0])
            potentials[node.name] = (usual.low, usual.high)
    computed = {t.name: (-1.0, 1.0) for node in graph.nodes() for t in node.outputs if t.name}
    return Scales({}, {t.name: 1.0 for t in activation_sources(graph)}, potentials, computed)


def _must_run(graph: Graph) -> None:
    """Raise ModelError if the network does not run for a sample of zeros; inputs with open axes are not tried."""
    sizes = {t.name: list(graph.shape(t) or (None, None)) for t in graph.inputs}
    if not all(isinstance(d, int) for size in sizes.values() for d in size[1:]):
        return
    feeds = {t.name: np.zeros([d if isinstance(d, int) else 1 for d in sizes[t.name]], t.dtype) for t in graph.inputs}
    with must_run("the prepared network"):
        cpu_session(graph.to_proto()).run(None, feeds)

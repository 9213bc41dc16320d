# SPDX-License-Identifier: Apache-2.0
"""Collect the data of the figures and assemble the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from snncc.analysis.network_view import Network
from snncc.coding.from_metadata import layer_steps, recorded_coding
from snncc.errors import ModelError, OptionError
from snncc.evaluation.evaluate import evaluate, pair
from snncc.evaluation.result import Evaluation
from snncc.execution.folded_form import to_folded
from snncc.execution.spike_trains import spike_trains
from snncc.io.batches import Batch, Samples, batches, first, labels_of, specs_of
from snncc.io.input_specs import fixed_batch
from snncc.io.model_reader import Source, model_name
from snncc.io.preprocess import Preprocess
from snncc.ir.graph import Graph
from snncc.ir.nodes import is_neuron, label
from snncc.tools.report.about import about, analog_op_names
from snncc.tools.report.figures import (
    activations,
    coding_error,
    curves,
    energy,
    errors,
    firing_rates,
    graph,
    inactivated_spikes,
    parameter_grids,
    pipeline_schedule,
    rasters,
    reconstruction,
)
from snncc.tools.report.grid import axes_of, grid_of
from snncc.tools.report.layer_values import LayerValues, layer_values
from snncc.tools.report.membrane_traces import membranes
from snncc.tools.report.page import page
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.svg import svg_file

__all__ = ["LIMIT", "Report", "report"]

LIMIT = 256
_BATCH = 64
_LAYERS = 6  # that have panels of their own


@dataclass(frozen=True)
class Report:
    """The page and its figures.

    Attributes:
        html: The page, self-contained.
        sections: The sections of the page, in order.
    """

    html: str
    sections: tuple[Section, ...]

    def files(self) -> dict[str, bytes]:
        """Every figure as PNG and SVG, by file name."""
        panels: list[Panel] = [p for s in self.sections for p in s.panels]
        return {f"{p.key}.svg": svg_file(p) for p in panels} | {f"{p.key}.png": p.png() for p in panels}


def report(
    snn: Source,
    ann: Source,
    data: Samples,
    *,
    preprocess: Preprocess | str | None = None,
    limit: int = LIMIT,
    layers: Sequence[str] = (),
    neurons: Sequence[int] = (),
    grid: Sequence[str] = (),
    calibration: Samples | None = None,
    device: str = "auto",
) -> Report:
    """Make the papers' figures for a converted network, on data.

    Args:
        snn: The converted model, in a form that `snncc.evaluate` takes.
        ann: The model that it was converted from.
        data: Inputs, with labels if there are any; see `snncc.evaluate`.
        preprocess: How uint8 images become inputs; see `snncc.Preprocess.parse`.
        limit: Use only this many samples, from the first on.
        layers: Nodes, of the ANN or of neurons, with separate panels; by default an even selection.
        neurons: Indices, in C order, of the neurons whose membrane potentials are drawn; by default some that fire.
        grid: One or two parameters of the coding with their values, e.g. `T=8,16`: the network is converted again for
            each point, for accuracy against them.
        calibration: Calibration data for these conversions; see `snncc.convert`.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        SnnccError: a model or the data cannot be read, they do not fit together, or an option is out of its range.
    """
    if limit < 1:
        raise OptionError(f"limit is {limit}, but at least one sample is needed. Give 1 or more.")
    if any(n < 0 for n in neurons):
        raise OptionError(f"neurons are {list(neurons)}, but they count from 0.")
    spiking, source = pair(snn, ann)
    preprocess = Preprocess.of(preprocess)
    shown = _Shown(spiking, source, data, preprocess, limit, device)
    axes = axes_of(shown.coding, grid)
    found = evaluate(spiking, ann, shown.inputs, labels=shown.labels, device=device, phases=True)
    recipe: dict[str, Any] = {"calibration": calibration, "preprocess": preprocess, "device": device}
    tried = grid_of(spiking, shown.coding, ann, axes, shown.batches, shown.labels, **recipe) if axes else None
    listed = [*_sections(shown, found, layers, neurons), parameter_grids.section(tried)]
    sections = tuple(s for s in listed if s is not None)
    return Report(page(model_name(snn), about(spiking, found), found.rows(), sections), sections)


class _Shown:
    """Both networks, and the samples that they are shown."""

    def __init__(
        self,
        snn: onnx.ModelProto,
        ann: Graph,
        data: Samples,
        preprocess: Preprocess | None,
        limit: int,
        device: str,
    ) -> None:
        coding = recorded_coding(snn)
        if coding is None:
            raise ModelError("the model's metadata name no coding. Give a model that snncc has converted.")
        self.snn, self.ann, self.device, self.coding = snn, ann, device, coding
        specs = specs_of(snn)
        self.any_size = fixed_batch(specs) is None
        labels = labels_of(data)
        stream = batches(data, specs, preprocess=preprocess, batch_size=_BATCH)
        self.batches: list[Batch] = list(first(stream, limit, cut=self.any_size))
        self.inputs = {name: np.concatenate([b[name] for b in self.batches]) for name in self.batches[0]}
        self.labels = None if labels is None else labels[: len(next(iter(self.inputs.values())))]


def _sections(shown: _Shown, found: Evaluation, layers: Sequence[str], neurons: Sequence[int]) -> list[Section | None]:
    """The sections in the order of the page; None for figures that do not apply."""
    values, off = layer_values(shown.snn, shown.ann, shown.batches, shown.device, cut=shown.any_size)
    coding, own = shown.coding, _chosen(values, layers)
    network = Network(to_folded(shown.snn), {name: array.shape[1:] for name, array in shown.inputs.items()})
    interval = found.steps.interval if found.steps else coding.interval
    return [
        energy.section(found),
        firing_rates.section(found),
        errors.section(list(values), off),
        reconstruction.section(own),
        activations.section(own, octaves=coding.base is not None),
        curves.section(list(values)),
        coding_error.section(list(values), coding),
        inactivated_spikes.section(found.sin),
        _rasters(shown, [x.name for x in own], neurons),
        pipeline_schedule.section(network, coding, layer_steps(shown.snn), interval),
        graph.section(network, analog_op_names(shown.snn)),
    ]


def _rasters(shown: _Shown, names: Sequence[str], neurons: Sequence[int]) -> Section | None:
    folded = to_folded(shown.snn)
    if not any(is_neuron(n) for n in folded.graph.node):
        return None
    labels = {label(n) for n in folded.graph.node if n.name in names}
    few = {name: array[:1] if shown.any_size else array for name, array in shown.batches[0].items()}
    recorded, _ = spike_trains(shown.snn, few, device=shown.device)
    trains = {t.name: t.of_samples(0, 1) for t in recorded.layers if t.name in labels}
    potentials = membranes(shown.snn, few, trains, shown.device)
    return rasters.section([t for t in trains.values() if t.name in potentials], potentials, neurons)


def _chosen(layers: Sequence[LayerValues], names: Sequence[str]) -> list[LayerValues]:
    """The named layers, or a selection that includes the first and the last."""
    known = {x.title for x in layers} | {x.name for x in layers}
    if unknown := [name for name in names if name not in known]:
        raise OptionError(f"there is no layer '{unknown[0]}'; choose from {', '.join(x.title for x in layers)}.")
    if names:
        return [x for x in layers if x.name in names or x.title in names]
    if not layers:
        return []
    places = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), _LAYERS)).round().astype(np.int64))
    return [layers[place] for place in places]

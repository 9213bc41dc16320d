# SPDX-License-Identifier: Apache-2.0
"""The one function that walks the whole line: import, prepare, calibrate, rewrite, export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import onnx

from snncc.calibrate import Method, calibrate
from snncc.coding import Coding
from snncc.errors import OptionError
from snncc.export import export_model, model_digest
from snncc.frontend import import_model
from snncc.graph import Graph
from snncc.loading import Source, read_model
from snncc.ops import DOMAIN
from snncc.passes.insert_scales import neuron_output
from snncc.passes.manager import Observer, PassManager
from snncc.passes.pipeline import finishing, lowering, normalisation, preparation
from snncc.potentials import match_potentials
from snncc.preprocess import Preprocess
from snncc.samples import Samples
from snncc.version import VERSION

__all__ = ["convert"]


def convert(
    model: Source,
    coding: Coding,
    *,
    calibration: Samples | None = None,
    preprocess: Preprocess | str | None = None,
    normalize: str = "channel",
    scale: str | None = None,
    percentile: float | None = None,
    match: bool = True,
    fold_bn: str = "weights",
    input_range: tuple[float, float] | None = None,
    observer: Observer | None = None,
) -> onnx.ModelProto:
    """Turn a trained ReLU network into a spiking network with the same inputs and outputs.

    Args:
        model: Path, bytes or ModelProto of the network; opset 7 or newer.
        coding: How activations become spikes, e.g. `snncc.Phase(T=16, Q=1.3)`.
        calibration: Typical inputs: array, dict of arrays, iterable of either (streamed), path of an .npy or .npz file
            or of an image folder; None: scales come from noise and from what BatchNormalization remembers.
        preprocess: How uint8 images become inputs; see `snncc.preprocess.Preprocess.parse`.
        normalize: One scale per `channel` or per `layer`, folded into weights, or `none`: kept with the neuron.
        scale: What of a channel's activations becomes the neuron's scale: `max`, `percentile` or `least-squares`; None:
            a percentile if one is given, else least squares with calibration data and the maximum without.
        percentile: Percentile of the activations that becomes a neuron's scale.
        match: Give each channel's membrane potential the mean and standard deviation that it has in the ReLU network;
            needs calibration data.
        fold_bn: Where BatchNormalization goes: `weights`.
        input_range: (lowest, highest) input value, where no data is given.
        observer: Called as (index, pass, graph) after every pass.

    Raises:
        SnnccError: whatever cannot be converted; see `snncc.errors`.
    """
    if fold_bn != "weights":
        raise OptionError(f"fold_bn is '{fold_bn}', but BatchNormalization folds into 'weights' only")
    method = Method(normalize, scale, percentile, input_range)
    if isinstance(preprocess, str):
        preprocess = Preprocess.parse(preprocess)
    source = read_model(model)
    graph = import_model(source if isinstance(model, onnx.ModelProto | bytes) else model)
    PassManager(preparation(), observer=observer).run(graph)
    scales, samples = calibrate(graph, coding, method, calibration, preprocess)
    ranges = {n.name: _range(scales.neurons[neuron_output(graph, n).name]) for n in graph.nodes("Relu")}
    PassManager(normalisation(scales), observer=observer).run(graph)
    reference = graph.copy()
    PassManager(lowering(coding, scales), observer=observer).run(graph)
    matched = match_potentials(reference, graph, samples) if samples and match else {}
    PassManager(finishing(matched), observer=observer).run(graph)
    metadata = {
        "snncc.version": VERSION,
        "snncc.coding": coding.parameters(),
        "snncc.source": {"sha256": model_digest(source)},
        "snncc.calibration": {**scales.origin, "match_potentials": bool(matched)},
        "snncc.neurons": _neurons(graph, ranges),
    }
    return export_model(graph, metadata)


def _range(scale: npt.NDArray[Any]) -> list[float]:
    return [float(scale.min()), float(scale.max())]


def _neurons(graph: Graph, ranges: Mapping[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Each neuron, the ReLU that it stands for and the range of its channels' scales; None for an input's encoder."""
    found = {}
    for node in graph.nodes():
        if node.domain == DOMAIN:
            relu = node.name.rpartition("_neuron")[0] or None
            found[node.name] = {"op": node.op, "replaces": relu, "scale": ranges.get(relu) if relu else None}
    return found

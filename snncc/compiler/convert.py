# SPDX-License-Identifier: Apache-2.0
"""The one function that walks the whole line: import, prepare, calibrate, rewrite, export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import onnx

from snncc.calibration.bounds_seen import bound_forms, head_of
from snncc.calibration.calibrate import Calibration, ScaleMethod, calibrate
from snncc.calibration.layer_levels import layer_levels, refuse_levels
from snncc.coding import Coding
from snncc.coding.bound_forms import excesses
from snncc.coding.scales import FOLDS, WEIGHTS
from snncc.compiler import metadata_record
from snncc.compiler.conversion import Conversion
from snncc.compiler.conversion_summary import conversion_summary
from snncc.compiler.export import export_model
from snncc.compiler.time_forms import in_form
from snncc.compiler.tuning.network_error import network_error
from snncc.compiler.tuning.search import SearchSpace, TuningResult, tuned
from snncc.compiler.tuning.step_sharing import refuse_sharing
from snncc.errors import OptionError, enough_memory
from snncc.frontend.import_model import import_model
from snncc.frontend.states import as_they_were, laid_out, with_samples_first
from snncc.io.batches import Samples
from snncc.io.digests import model_digest
from snncc.io.model_reader import Source, model_name, read_model
from snncc.io.preprocess import Preprocess
from snncc.ir.graph import Graph
from snncc.ir.op_sets import RECURRENT
from snncc.passes.manager import Observer
from snncc.passes.pipeline import weight_storage
from snncc.storage.mapped import hand_over
from snncc.version import VERSION

__all__ = ["convert", "tune"]


@enough_memory("the conversion")
def convert(
    model: Source,
    coding: Coding,
    *,
    calibration: Samples | None = None,
    preprocess: Preprocess | str | None = None,
    normalize: str = "channel",
    scale: str | None = None,
    percentile: float | None = None,
    threshold_scale: float = 1.0,
    match: bool = True,
    fold_bn: str = "weights",
    weights: str = "float",
    input_range: tuple[float, float] | None = None,
    levels: str | None = None,
    tune: bool = False,
    share_steps: bool = False,
    anytime: bool = False,
    form: str = "auto",
    strict: bool = False,
    gates: int | None = None,
    observer: Observer | None = None,
) -> onnx.ModelProto:
    """Turn a trained ReLU network into a spiking network with the same inputs and outputs.

    Args:
        model: Path, bytes or ModelProto of the network; opset 7 or newer.
        coding: How activations become spikes, e.g. `snncc.Phase(T=16, Q=1.3)`.
        calibration: Typical inputs: array, dict of arrays, iterable of either (streamed), path of an .npy or .npz file
            or of an image folder; None: scales come from noise and from what BatchNormalization remembers.
        preprocess: How uint8 images become inputs; see `snncc.Preprocess.parse`.
        normalize: One scale per `channel` or per `layer`, folded into weights, or `none`: kept with the neuron.
        scale: What of a channel's activations becomes the neuron's scale: `max`, `percentile` or `least-squares`; None:
            a percentile if one is given, else least squares with calibration data and the maximum without.
        percentile: Percentile of the activations that becomes a neuron's scale.
        threshold_scale: Factor of all neurons' scales, and with them their thresholds; below 1, what is larger than
            the scale is clipped (msat.txt, section 5.3).
        match: Give each channel's membrane potential the mean and standard deviation that it has in the ReLU network;
            needs calibration data.
        fold_bn: Where BatchNormalization goes: into `weights`, or, where a neuron follows, into its `threshold`; then
            neurons keep their scales, too, and the synapses in front of them the weights that they had.
        weights: How weights are stored: `float`, as they are; `int8`, with a scale for each output channel;
            `int8-tensor`, with one scale for all of a layer's weights.
        input_range: (lowest, highest) input value, where no data is given.
        levels: Phase coding: `powers` of the same Q in all layers, or, `batchnorm`, where a BatchNormalization is in
            front of them, of the Q with the least mean absolute percentage error for its mean and deviation; or,
            `fitted`, those of each layer that code its activations with least squared error, which takes calibration
            data. None: powers or, where `tune` may choose, whichever of powers and fitted ones leave less error.
        tune: Choose levels (phase coding) and scale of each layer so that the error of the outputs is least; takes
            calibration data and some minutes.
        share_steps: With `tune`: layers share their T or K time steps, so that some have more and others fewer.
        anytime: Give the outputs after every time step, [T, N, …], instead of the last ones; rate codings only.
        form: `folded`: all time steps in one pass; `loop`: in an ONNX Loop, in bounded memory; `step`: a single time
            step, with the neurons' states as inputs and outputs; `auto`: `loop` where `folded` would need much memory.
        strict: Refuse a network with ops that neither become synapses nor neurons, instead of keeping these analog.
        gates: Time steps of a gate of a recurrent layer; None: K with few-spikes coding, else 16.
        observer: Called as (index, pass, graph) after every pass.

    Raises:
        SnnccError: whatever cannot be converted; see `snncc.errors`.
    """
    _refuse_options(coding, fold_bn, weights, threshold_scale)
    refuse_levels(levels, coding, tune=tune, counted=calibration is not None and scale != "max")
    if share_steps:
        refuse_sharing(coding, form, tune=tune)
    method = ScaleMethod(normalize, scale, percentile, input_range)
    preprocess = Preprocess.of(preprocess)
    source = read_model(model, copy=False)
    line = Conversion(model_name(model), coding, fold_bn, weights, gates, strict, observer)
    graph = import_model(source, line.name)  # not read again: the digest is of what is converted
    head, calibration = head_of(calibration)
    bounds = bound_forms(graph, head, preprocess, input_range)
    line.prepare(graph, bounds)
    states = with_samples_first(graph)
    calibration = None if calibration is None else laid_out(calibration, states)
    layers = {n.name: n.op for n in graph.nodes(*RECURRENT)}
    measured = calibrate(graph, coding, method, calibration, preprocess, outside=excesses(bounds))
    tuning = _tuned(line, graph, measured, method, levels, share=share_steps, match=match) if tune else None
    scales = measured.scales(coding, tuning.choices if tuning else layer_levels(levels, graph, measured, coding))
    if threshold_scale != 1:
        scales = scales.times(float(threshold_scale))
    if fold_bn == "threshold":  # what λ would be folded into are the weights
        scales = replace(scales, normalize="none")
    own = metadata_record.neuron_scales(graph, scales)
    made = line.spiking(graph, scales, measured.samples, form=form, anytime=anytime, match=match)
    origin = metadata_record.calibration(scales, levels, bounds, matched=made.matched, confidence=made.confidence)
    metadata = {
        **_facts(line, source, made.graph, layers, tuning),
        "snncc.calibration": origin,
        "snncc.neurons": metadata_record.neurons(made.graph, own, made.thresholds, scales),
    }
    line.run(weight_storage(weights), made.graph)
    snn, metadata = in_form(made.graph, coding, made.form, metadata, observer)
    exported = export_model(as_they_were(snn, states), metadata)
    hand_over(exported)
    return exported


def _refuse_options(coding: Coding, fold_bn: str, weights: str, threshold_scale: float) -> None:
    """Raise OptionError for options of `convert` that are out of their range."""
    if not isinstance(coding, Coding):
        raise OptionError(f"coding is {coding!r}, but it must be one such as snncc.Rate(T=32) or snncc.Phase()")
    if fold_bn not in FOLDS:
        raise OptionError(f"fold_bn is '{fold_bn}', but it must be one of {', '.join(FOLDS)}")
    if weights not in WEIGHTS:
        raise OptionError(f"weights are '{weights}', but they must be one of {', '.join(WEIGHTS)}")
    if not (isinstance(threshold_scale, int | float) and 0 < threshold_scale < float("inf")):
        raise OptionError(
            f"threshold_scale is {threshold_scale!r}, but it must be a positive number; 1 changes nothing"
        )


def _facts(
    line: Conversion, source: onnx.ModelProto, graph: Graph, recurrent: Mapping[str, str], tuning: TuningResult | None
) -> dict[str, Any]:
    """Metadata that need not know what calibration has found."""
    facts = {
        "snncc.version": VERSION,
        "snncc.coding": line.coding.parameters(),
        "snncc.source": {"sha256": model_digest(source)},
        "snncc.islands": metadata_record.island_ops(graph),
        "snncc.weights": {"stored": line.weights, "fold_bn": line.fold_bn},
        "snncc.outcome": conversion_summary(source, graph, line.reports, line.fold_bn),
    }
    facts |= {"snncc.tuning": tuning.report} if tuning else {}
    return facts | ({"snncc.recurrent": metadata_record.recurrent(graph, recurrent)} if recurrent else {})


def _tuned(
    line: Conversion,
    graph: Graph,
    measured: Calibration,
    method: ScaleMethod,
    levels: str | None,
    *,
    share: bool,
    match: bool,
) -> TuningResult:
    """What tuning chooses for the layers of the prepared `graph`."""
    if measured.samples is None:
        raise OptionError("tuning measures errors on calibration data; give some (--calib)")
    judge = network_error(line, graph, measured.samples, match=match)
    freedom = SearchSpace(levels, percentiles=method.settled(data=True).scale == "least-squares", share=share)
    return tuned(graph, line.coding, measured, measured.samples, judge, freedom)


def tune(model: Source, coding: Coding, *, calibration: Samples, **options: Any) -> onnx.ModelProto:
    """Turn a ReLU network into a spiking one whose layers are tuned to `coding` and its time steps.

    Layer by layer, with exact activations everywhere else, the levels (phase coding) and the scale are taken that
    leave the least squared error in the outputs; then the network tuned so is compared with the untuned one, all layers
    spiking, and the better one is the result. Labels are not used; the same inputs give the same network. The metadata
    entry `snncc.tuning` says what was chosen, and the errors.

    Args:
        model, coding, calibration, options: As for `snncc.convert`.

    Raises:
        SnnccError: whatever cannot be converted, or has nothing to tune.
    """
    return convert(model, coding, calibration=calibration, tune=True, **options)

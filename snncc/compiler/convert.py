# SPDX-License-Identifier: Apache-2.0
"""`convert`: import, prepare, calibrate, rewrite and export a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import onnx

from snncc.calibration.bounds_seen import bound_forms, head_of
from snncc.calibration.calibrate import Calibration, ScaleMethod, calibrate
from snncc.calibration.layer_levels import layer_levels
from snncc.coding import Coding
from snncc.coding.bound_forms import excesses
from snncc.coding.scales import LayerSettings, Scales
from snncc.compiler import metadata_record
from snncc.compiler.conversion import Conversion
from snncc.compiler.conversion_summary import conversion_summary
from snncc.compiler.export import export_model
from snncc.compiler.level_choice import level_choice
from snncc.compiler.options import ConversionOptions
from snncc.compiler.time_forms import in_form
from snncc.compiler.tuning.network_error import network_error
from snncc.compiler.tuning.search import SearchSpace, TuningResult, tuned
from snncc.compiler.tuning.spike_budget import with_second_spikes
from snncc.compiler.tuning.step_sharing import with_shared_steps
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


_REFERENCE = "    normalize, ..., gates: As `snncc.compiler.options.ConversionOptions` has them."


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
    levels: str | None = "auto",
    spike_budget: float | None = None,
    tune: bool = False,
    share_steps: bool | None = None,
    anytime: bool = False,
    form: str = "auto",
    spike_linear: bool | None = None,
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
        normalize, ..., gates: As `snncc.compiler.options.ConversionOptions` has them.
        observer: Called as (index, pass, graph) after every pass.

    Raises:
        SnnccError: whatever cannot be converted; see `snncc.errors`.
    """
    given = locals()
    if not isinstance(coding, Coding):
        raise OptionError(f"coding is {coding!r}, but it must be one such as snncc.Rate(T=32) or snncc.Phase()")
    options = ConversionOptions(**{option.name: given[option.name] for option in fields(ConversionOptions)})
    conversion = Conversion(model_name(model), coding, options, observer)
    return _converted(conversion, model, calibration, Preprocess.of(preprocess))


def _documented(function: Callable[..., Any]) -> None:
    """Insert the options into the docstring of `function`, where it refers to them."""
    text, options = inspect.getdoc(function), inspect.getdoc(ConversionOptions)
    if text and options:  # python -OO keeps none
        told = options.partition("Attributes:\n")[2].partition("\n\n")[0]
        function.__doc__ = text.replace(_REFERENCE, told)


_documented(convert)


def _converted(
    conversion: Conversion, model: Source, calibration: Samples | None, preprocess: Preprocess | None
) -> onnx.ModelProto:
    """Run the stages of `conversion`, from reading `model` to the finished spiking network."""
    options, coding = conversion.options, conversion.coding
    conversion.levels = levels = level_choice(options, coding, data=calibration is not None)
    method = ScaleMethod(options.normalize, options.scale, options.percentile, options.input_range)
    source = read_model(model, copy=False)
    graph = import_model(source, conversion.name)  # not read again: the digest is that of the converted model
    head, calibration = head_of(calibration)
    bounds = bound_forms(graph, head, preprocess, options.input_range)
    conversion.prepare(graph, bounds)
    states = with_samples_first(graph)
    calibration = None if calibration is None else laid_out(calibration, states)
    layers = {n.name: n.op for n in graph.nodes(*RECURRENT)}
    measured = calibrate(graph, coding, method, calibration, preprocess, outside=excesses(bounds))
    tuning = _tuned(conversion, graph, measured, method) if options.tune else None
    scales = _scales(conversion, graph, measured, tuning.choices if tuning else None)
    own = metadata_record.neuron_scales(graph, scales)
    made = conversion.spiking(graph, scales, measured.samples)
    metadata = {
        **_facts(conversion, source, made.graph, layers, tuning),
        "snncc.calibration": metadata_record.calibration(
            scales, levels, bounds, matched=made.matched, confidence=made.confidence
        )
        | ({"spike_linear": True} if conversion.spikes_at_sums else {}),
        "snncc.neurons": metadata_record.neurons(made.graph, own, made.thresholds, made.scales),
    }
    conversion.run(weight_storage(options.weights), made.graph)
    snn, metadata = in_form(made.graph, coding, made.form, metadata, conversion.observer)
    exported = export_model(as_they_were(snn, states), metadata)
    hand_over(exported)
    return exported


def _scales(
    conversion: Conversion,
    graph: Graph,
    measured: Calibration,
    tuned: Mapping[str, LayerSettings] | None,
) -> Scales:
    """The scales of the prepared `graph`, and the levels of its layers, if these were not `tuned`."""
    options, coding, levels = conversion.options, conversion.coding, conversion.levels
    choices = layer_levels(levels.kind, graph, measured, coding) if tuned is None else tuned
    if tuned is None and measured.samples and (levels.second_spikes or levels.shared_steps):
        choices, errors = with_second_spikes(
            graph, coding, measured, measured.samples, choices, levels.budget, second=levels.second_spikes
        )
        if levels.shared_steps:
            choices = with_shared_steps(coding, measured, choices, errors)
    scales = measured.scales(coding, choices)
    if options.threshold_scale != 1:
        scales = scales.times(float(options.threshold_scale))
    if options.fold_bn == "threshold":  # λ would be folded into the weights
        scales = replace(scales, normalize="none")
    return scales


def _facts(
    conversion: Conversion,
    source: onnx.ModelProto,
    graph: Graph,
    recurrent: Mapping[str, str],
    tuning: TuningResult | None,
) -> dict[str, Any]:
    """Metadata that do not depend on calibration."""
    facts = {
        "snncc.version": VERSION,
        "snncc.coding": conversion.coding.parameters(),
        "snncc.source": {"sha256": model_digest(source)},
        "snncc.islands": metadata_record.analog_op_kinds(graph),
        "snncc.weights": conversion.options.recorded(),
        "snncc.outcome": conversion_summary(source, graph, conversion.reports, conversion.options.fold_bn),
    }
    facts |= {"snncc.tuning": tuning.report} if tuning else {}
    return facts | ({"snncc.recurrent": metadata_record.recurrent(graph, recurrent)} if recurrent else {})


def _tuned(conversion: Conversion, graph: Graph, measured: Calibration, method: ScaleMethod) -> TuningResult:
    """The per-layer settings that tuning chooses for the prepared `graph`."""
    options, levels = conversion.options, conversion.levels
    if measured.samples is None:
        raise OptionError("tuning measures errors on calibration data; give some (--calib)")
    error_of = network_error(conversion, graph, measured.samples, match=options.match)
    counted = method.settled(data=True).scale == "least-squares"
    space = SearchSpace(
        levels.kind, percentiles=counted, share=levels.shared_steps, spikes=levels.second_spikes, budget=levels.budget
    )
    return tuned(graph, conversion.coding, measured, measured.samples, error_of, space)


def tune(model: Source, coding: Coding, *, calibration: Samples, **options: Any) -> onnx.ModelProto:
    """Turn a ReLU network into a spiking one whose layers are tuned to `coding` and its time steps.

    Layer by layer, with exact activations everywhere else, the levels (phase coding) and the scale are taken that
    leave the least squared error in the outputs. Then the untuned network, those with some of these choices and, with
    phase coding, those with a second spike in some layers or with shared phases are compared, all layers spiking; the
    best one is the result. Labels are not used; the same inputs give the same network. The metadata entry
    `snncc.tuning` says what was chosen, and the errors.

    Args:
        model, coding, calibration, options: As for `snncc.convert`.

    Raises:
        SnnccError: whatever cannot be converted, or has nothing to tune.
    """
    return convert(model, coding, calibration=calibration, tune=True, **options)

# SPDX-License-Identifier: Apache-2.0
"""The one function that walks the whole line: import, prepare, calibrate, rewrite, export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import onnx

from snncc import describe
from snncc.calibrate import Method, calibrate
from snncc.coding import Coding
from snncc.confidence import confidence_of
from snncc.errors import OptionError
from snncc.export import export_model, model_digest
from snncc.forms import choose_form, in_form
from snncc.frontend import import_model, where
from snncc.graph import Graph, Node
from snncc.islands import islands
from snncc.loading import Source, borrow_model
from snncc.memory import enough_memory
from snncc.mixing import refuse_mixing
from snncc.outcome import outcome
from snncc.passes.base import Pass
from snncc.passes.correct_potentials import Correction
from snncc.passes.manager import Observer, PassManager, Report
from snncc.passes.neurons_to_be import neurons_to_be
from snncc.passes.pipeline import FOLDS, WEIGHTS, finishing, lowering, normalisation, preparation, rounding, storing
from snncc.potentials import match_potentials
from snncc.preprocess import Preprocess
from snncc.samples import Batch, Samples
from snncc.scales import Confidence, Scales
from snncc.support import refuse_islands, refuse_silence
from snncc.version import VERSION
from snncc.vocabulary import RECURRENT

__all__ = ["convert"]


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
    match: bool = True,
    fold_bn: str = "weights",
    weights: str = "float",
    input_range: tuple[float, float] | None = None,
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
        preprocess: How uint8 images become inputs; see `snncc.preprocess.Preprocess.parse`.
        normalize: One scale per `channel` or per `layer`, folded into weights, or `none`: kept with the neuron.
        scale: What of a channel's activations becomes the neuron's scale: `max`, `percentile` or `least-squares`; None:
            a percentile if one is given, else least squares with calibration data and the maximum without.
        percentile: Percentile of the activations that becomes a neuron's scale.
        match: Give each channel's membrane potential the mean and standard deviation that it has in the ReLU network;
            needs calibration data.
        fold_bn: Where BatchNormalization goes: into `weights`, or, where a neuron follows, into its `threshold`; then
            neurons keep their scales, too, and the synapses in front of them the weights that they had.
        weights: How weights are stored: `float`, as they are; `int8`, with a scale for each output channel;
            `int8-tensor`, with one scale for all of a layer's weights.
        input_range: (lowest, highest) input value, where no data is given.
        anytime: Give the outputs after every time step, [T, N, …], instead of the last ones; rate codings only.
        form: `folded`: all time steps in one pass; `loop`: in an ONNX Loop, in bounded memory; `step`: a single time
            step, with the neurons' states as inputs and outputs; `auto`: `loop` where `folded` would need much memory.
        strict: Refuse a network with ops that neither become synapses nor neurons, instead of keeping these analog.
        gates: Time steps of a gate of a recurrent layer; None: K with few-spikes coding, else 16.
        observer: Called as (index, pass, graph) after every pass.

    Raises:
        SnnccError: whatever cannot be converted; see `snncc.errors`.
    """
    if not isinstance(coding, Coding):
        raise OptionError(f"coding is {coding!r}, but it must be one such as snncc.Rate(T=32) or snncc.Phase()")
    if fold_bn not in FOLDS:
        raise OptionError(f"fold_bn is '{fold_bn}', but it must be one of {', '.join(FOLDS)}")
    if weights not in WEIGHTS:
        raise OptionError(f"weights are '{weights}', but they must be one of {', '.join(WEIGHTS)}")
    method = Method(normalize, scale, percentile, input_range)
    if isinstance(preprocess, str):
        preprocess = Preprocess.parse(preprocess)
    source = borrow_model(model)
    line = _Line(where(model), coding, fold_bn, weights, gates, strict, observer)
    graph = line.prepared(source)
    layers = {n.name: n.op for n in graph.nodes(*RECURRENT)}
    scales, samples = calibrate(graph, coding, method, calibration, preprocess)
    if fold_bn == "threshold":  # what λ would be folded into are the weights
        scales = replace(scales, normalize="none")
    own = describe.neuron_scales(graph, scales)
    reference, graph = line.normalised(graph, scales)
    chosen = choose_form(form, coding, reference, anytime=anytime)
    matched, confidence = line.measured(reference, graph, scales, samples, match=match)
    line.lower(graph, scales, anytime=anytime, stepwise=chosen.name != "folded")
    lowered = describe.thresholds(graph)
    line.finish(graph, matched, confidence, fuse=chosen.name == "folded")
    metadata = {
        "snncc.version": VERSION,
        "snncc.coding": coding.parameters(),
        "snncc.source": {"sha256": model_digest(source)},
        "snncc.calibration": describe.calibration(scales, matched=bool(matched), confidence=confidence),
        "snncc.neurons": describe.neurons(graph, own, lowered, folded=scales.normalize != "none"),
        "snncc.islands": describe.island_ops(graph),
        "snncc.weights": {"stored": weights, "fold_bn": fold_bn},
        "snncc.outcome": outcome(source, graph, line.reports, fold_bn),
    }
    if layers:
        metadata["snncc.recurrent"] = describe.recurrent(graph, layers)
    line.run(storing(weights), graph)
    return export_model(*in_form(graph, coding, chosen, metadata, observer))


@dataclass
class _Line:
    """The stages of a conversion between reading and writing; `name` is what messages call the model."""

    name: str
    coding: Coding
    fold_bn: str
    weights: str
    gates: int | None
    strict: bool
    observer: Observer | None
    reports: list[Report] = field(default_factory=list)

    def run(self, passes: tuple[Pass, ...], graph: Graph) -> None:
        """Run `passes` for good: they are observed and reported."""
        self.reports.append(PassManager(passes, observer=self.observer).run(graph))

    def prepared(self, source: onnx.ModelProto) -> Graph:
        """The imported network, whose neurons-to-be are ReLUs."""
        graph = import_model(source, self.name)  # not read again: the digest is of what is converted
        self.run(preparation(self.coding), graph)
        if not self.coding.activations:  # no need to calibrate first
            self._check(graph, neurons_to_be(graph))
        if self.coding.slices > 1:
            refuse_mixing(graph, self.name)
        return graph

    def normalised(self, graph: Graph, scales: Scales) -> tuple[Graph, Graph]:
        """`graph` with neurons of threshold 1, and the same with weights as they will be stored."""
        self.run(normalisation(scales, self.fold_bn), graph)
        reference = graph.copy()
        self.run(rounding(self.weights), graph)
        return reference, graph.copy()

    def measured(
        self, reference: Graph, graph: Graph, scales: Scales, samples: Batch | None, *, match: bool
    ) -> tuple[dict[str, Correction], dict[str, Confidence]]:
        """What calibration samples say of the spiking network, by trial on copies of the normalised `graph`."""

        def spiking() -> Graph:
            trial = graph.copy()
            PassManager(lowering(self.coding, scales, gates=self.gates)).run(trial)
            return trial

        corrections = match_potentials(reference, spiking(), samples, self.coding) if samples and match else {}

        def corrected() -> Graph:
            trial = spiking()
            PassManager(finishing(corrections, {}, fold_bn=self.fold_bn)).run(trial)
            return trial

        return corrections, confidence_of(self.coding, reference, corrected, samples)

    def lower(self, graph: Graph, scales: Scales, *, anytime: bool, stepwise: bool) -> None:
        """ReLUs become neurons."""
        self.run(lowering(self.coding, scales, anytime=anytime, stepwise=stepwise, gates=self.gates), graph)
        if self.coding.activations:
            self._check(graph, graph.nodes("FSNeuron", "FSNeuronStep"))

    def finish(
        self, graph: Graph, matched: Mapping[str, Correction], confidence: Mapping[str, Confidence], *, fuse: bool
    ) -> None:
        """What was measured goes into the spiking network."""
        seed = getattr(self.coding, "seed", 0)
        self.run(finishing(matched, confidence, seed=seed, fuse=fuse, fold_bn=self.fold_bn), graph)

    def _check(self, graph: Graph, neurons: list[Node]) -> None:
        """Raise if there are no `neurons` in `graph`, or if something stays analog that must not."""
        if not neurons and not graph.nodes("Scan", *RECURRENT):
            refuse_silence(self.name)
        if self.strict:
            refuse_islands(graph, self.name, [*graph.nodes("Scan"), *islands(graph)])

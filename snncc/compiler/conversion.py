# SPDX-License-Identifier: Apache-2.0
"""The stages of a conversion between reading and writing, in order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from snncc.analysis.activation_sites import activation_nodes
from snncc.analysis.analog_ops import analog_ops
from snncc.analysis.linear_inputs import share_of_analog_inputs
from snncc.calibration.potential_matching import match_potentials
from snncc.calibration.spike_confidence import spike_confidence
from snncc.calibration.step_levels import step_levels
from snncc.coding import Coding
from snncc.coding.bound_forms import Forms
from snncc.coding.scales import PotentialCorrection, Scales, SpikeConfidence
from snncc.compiler import metadata_record
from snncc.compiler.agreement import output_shapes, refuse_rows, rows_may_move, rows_must_fit
from snncc.compiler.level_choice import LevelChoice
from snncc.compiler.options import ConversionOptions
from snncc.compiler.time_forms import Form, choose_form
from snncc.frontend.batch_independence import refuse_mixing
from snncc.frontend.legality import refuse_analog_ops, require_neurons
from snncc.io.batches import Batch
from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import RECURRENT
from snncc.ops.arrays import Array
from snncc.passes.base import Pass
from snncc.passes.manager import Observer, PassManager, Report
from snncc.passes.pipeline import finalisation, legalisation, lowering, normalisation, weight_rounding

__all__ = ["Conversion", "Spiking"]


_MUCH = 0.45  # of the operations: if they would read analog values, sums become spikes


@dataclass(frozen=True)
class Spiking:
    """A spiking network.

    Attributes:
        graph: Still in the folded form, or what single steps are made of.
        form: Which it is to have.
        matched: Whether potentials were matched to those of the ReLU network.
        confidence: Spike confidence of the layers for which it is requested.
        scales: The scales of its neurons, and the levels of its layers.
        thresholds: The scales that neurons had before anything else became part of them, by node.
    """

    graph: Graph
    form: Form
    matched: bool
    confidence: Mapping[str, SpikeConfidence]
    scales: Scales
    thresholds: Mapping[str, Array]


@dataclass
class Conversion:
    """A conversion; `name` is the model's name in messages, `levels` says where the levels of layers come from,
    `spikes_at_sums`, once prepared, whether sums of synapses that synapses read become spikes.
    """

    name: str
    coding: Coding
    options: ConversionOptions
    observer: Observer | None
    levels: LevelChoice = field(default_factory=LevelChoice)
    spikes_at_sums: bool = False
    reports: list[Report] = field(default_factory=list)

    def run(self, passes: tuple[Pass, ...], graph: Graph) -> None:
        """Run `passes`, with observation and report."""
        self.reports.append(PassManager(passes, observer=self.observer).run(graph))

    def prepare(self, graph: Graph, bounds: Forms | None = None) -> None:
        """Convert the activation sites of the imported network to ReLUs; `bounds` maps nodes to the form of their
        bounds.
        """
        if (linear := self.options.spike_linear) is None:
            coding = self.coding
            linear = coding.codes_values or (coding.signed_neurons and share_of_analog_inputs(graph) >= _MUCH)
        self.spikes_at_sums = linear
        self.run(legalisation(self.coding, bounds, linear=linear), graph)
        if not self.coding.activations:  # no need to calibrate first
            self._check(graph, activation_nodes(graph))
        if self.coding.slices > 1:
            refuse_mixing(graph, self.name)

    def spiking(self, graph: Graph, scales: Scales, samples: Batch | None = None) -> Spiking:
        """Convert the prepared `graph`, which is changed, to a spiking network."""
        own = metadata_record.neuron_scales(graph, scales)
        reference, graph = self.normalise(graph, scales)
        scales = self.fit_levels(graph, scales, samples, own)
        anytime = self.options.anytime
        chosen = choose_form(self.options.form, self.coding, reference, anytime=anytime)
        matched, confidence = self.measure(reference, graph, scales, samples, match=self.options.match)
        self.lower(graph, scales, anytime=anytime, stepwise=chosen.name != "folded")
        lowered = metadata_record.thresholds(graph)
        self.finalise(graph, matched, confidence, fuse=chosen.name == "folded")
        graph.cleanup()  # nodes without users are removed, and do not stay analog
        return Spiking(graph, chosen, bool(matched), confidence, scales, lowered)

    def normalise(self, graph: Graph, scales: Scales) -> tuple[Graph, Graph]:
        """`graph` with neurons of threshold 1, and the same with weights as they will be stored."""
        self.run(normalisation(scales, self.options.fold_bn), graph)
        reference = graph.copy()
        self.run(weight_rounding(self.options.weights), graph)
        return reference, graph.copy()

    def fit_levels(self, graph: Graph, scales: Scales, samples: Batch | None, own: Mapping[str, Array]) -> Scales:
        """Scales with levels fitted to each step of the layers of the normalised `graph`, if these are wanted.

        `own` are the scales λ of the prepared graph, by ReLU.
        """
        if not samples or self.levels.kind != "fitted" or not self.coding.levels_per_step:
            return scales
        with rows_must_fit(self.name) if self.coding.slices > 1 else nullcontext():
            choices = step_levels(self._trial(graph, scales), samples, self.coding, scales.choices, own)
        return replace(scales, choices=choices)

    def _trial(self, graph: Graph, scales: Scales) -> Graph:
        """A copy of the normalised `graph` in the spiking form."""
        trial = graph.copy()
        PassManager(lowering(self.coding, scales, gates=self.options.gates)).run(trial)
        return trial

    def measure(
        self, reference: Graph, graph: Graph, scales: Scales, samples: Batch | None, *, match: bool
    ) -> tuple[dict[str, PotentialCorrection], dict[str, SpikeConfidence]]:
        """Measure corrections and confidences on calibration samples, with copies of the normalised `graph`."""

        corrections: dict[str, PotentialCorrection] = {}
        if samples and match and self.coding.matches_potentials:
            with rows_must_fit(self.name) if self.coding.slices > 1 else nullcontext():
                corrections = match_potentials(reference, self._trial(graph, scales), samples, self.coding)

        def corrected() -> Graph:
            trial = self._trial(graph, scales)
            PassManager(finalisation(corrections, {}, fold_bn=self.options.fold_bn)).run(trial)
            return trial

        return corrections, spike_confidence(self.coding, reference, corrected, samples)

    def trial(self, graph: Graph, scales: Scales, samples: Batch, *, match: bool) -> Graph:
        """Convert the prepared `graph` to a spiking network in folded form, without report."""
        quiet = replace(self, observer=None, reports=[])
        own = metadata_record.neuron_scales(graph, scales)
        reference, graph = quiet.normalise(graph.copy(), scales)
        scales = quiet.fit_levels(graph, scales, samples, own)
        corrections, confidence = self.measure(reference, graph, scales, samples, match=match)
        quiet.lower(graph, scales, anytime=False, stepwise=False)
        quiet.finalise(graph, corrections, confidence, fuse=True)
        return graph

    def lower(self, graph: Graph, scales: Scales, *, anytime: bool, stepwise: bool) -> None:
        """Lower ReLUs to neurons."""
        declared = [graph.shape(t) for t in graph.outputs]
        coding = self.coding.stepwise if stepwise else self.coding
        asked = coding.slices > 1 and not anytime and rows_may_move(graph)
        unit, expected = output_shapes(graph) if asked else (1, {})
        self.run(lowering(self.coding, scales, anytime=anytime, stepwise=stepwise, gates=self.options.gates), graph)
        refuse_rows(graph, self.name, unit, expected)
        for tensor, shape in zip(graph.outputs, declared, strict=True):  # which the passes do not know among steps
            if shape is not None and graph.value(tensor) is None:  # a constant has its own
                tensor.shape = [self.coding.slices, *shape] if anytime else list(shape)
        if self.coding.activations:
            self._check(graph, graph.nodes("FSNeuron", "FSNeuronStep"))

    def finalise(
        self,
        graph: Graph,
        matched: Mapping[str, PotentialCorrection],
        confidence: Mapping[str, SpikeConfidence],
        *,
        fuse: bool,
    ) -> None:
        """Apply the measured corrections and confidences to the spiking network."""
        seed = getattr(self.coding, "seed", 0)
        self.run(finalisation(matched, confidence, seed=seed, fuse=fuse, fold_bn=self.options.fold_bn), graph)

    def _check(self, graph: Graph, neurons: list[Node]) -> None:
        """Raise if there are no `neurons` in `graph`, or if an op stays analog although `strict` forbids it."""
        loops = [n for n in graph.nodes("Scan") if graph.has_role(n, "recurrent")]
        if not neurons and not loops and not graph.nodes(*RECURRENT):
            require_neurons(self.name)
        if self.options.strict:
            refuse_analog_ops(graph, self.name, [*loops, *analog_ops(graph)])

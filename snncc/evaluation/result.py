# SPDX-License-Identifier: Apache-2.0
"""Results of an evaluation, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snncc.evaluation.accuracy import AccuracyCounter
from snncc.evaluation.energy import FLOAT32, Costs, Energy
from snncc.evaluation.inactivated_spikes import InactivatedSpikes
from snncc.evaluation.latency import Latency
from snncc.evaluation.memory_energy import MemoryEnergy, movement
from snncc.evaluation.metrics import answers, spikes, time
from snncc.evaluation.metrics.metric import Pair, Row
from snncc.evaluation.result_json import as_json
from snncc.evaluation.result_table import layer_rows, rows, step_rows, synapse_rows
from snncc.evaluation.spike_counter import LayerTotal

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """An SNN compared with its source ANN. Pairs are (ANN, SNN).

    Attributes:
        tally: counts of the answers of both networks.
        layers: spikes of each layer of neurons.
        energy: operations and their energy.
        steps: time steps by the coding; None if it is unknown.
        milliseconds: measured time of one sample in onnxruntime, without counting, in batches of `timed_batch`; None:
            not measured.
        timed_batch: samples per run when `milliseconds` was measured.
        sin: spikes of neurons whose ReLU gives 0; None if the coding has no such error, or the ANN is another one.
        samples: number of samples evaluated.
        top1: percent of samples with the correct answer; None without labels.
        top5: percent of samples with the label among the first five; None without labels, or with five classes or less.
        drop: points of top-1 that the SNN loses against the ANN; None without labels.
        agreement: fraction of samples for which both give the same answer.
        output_error: mean absolute difference of the outputs over the mean magnitude of the ANN's.
        neurons: number of spiking neurons, without encoders of the input.
        spikes_per_neuron: mean spikes of one of them for one sample.
        firing_rate: mean spikes of a neuron per time step in which it may fire; None if the coding is not known.
        share_per_step: the share of all neurons that fire at each time step of their layer; None if not counted for all
            of them.
        max_spikes: maximum number of spikes of any of them for any sample, counted.
        gates: number of neurons that are gates of recurrent layers; the other figures leave them out.
        spikes_per_gate: mean spikes of one of them for one sample, over the whole sequence.
        input_spikes: mean spikes for one sample that code the input.
        input_spikes_per_value: the same, per value of the input.
        latency_steps: time steps until the output is complete; None if the coding is unknown.
    """

    tally: AccuracyCounter
    layers: tuple[LayerTotal, ...]
    energy: Energy
    steps: Latency | None
    milliseconds: Pair | None
    timed_batch: int
    sin: InactivatedSpikes | None = None

    samples = answers.SAMPLES
    top1 = answers.TOP1
    top5 = answers.TOP5
    drop = answers.DROP
    agreement = answers.AGREEMENT
    output_error = answers.OUTPUT_ERROR
    neurons = spikes.NEURONS
    spikes_per_neuron = spikes.SPIKES_PER_NEURON
    firing_rate = spikes.FIRING_RATE
    share_per_step = spikes.SHARE_PER_STEP
    max_spikes = spikes.MAX_SPIKES
    gates = spikes.GATES
    spikes_per_gate = spikes.SPIKES_PER_GATE
    input_spikes = spikes.INPUT_SPIKES
    input_spikes_per_value = spikes.INPUT_SPIKES_PER_VALUE
    latency_steps = time.LATENCY_STEPS

    def rate_of(self, spikes: float) -> float | None:
        """`spikes` of a neuron, per time step in which it may fire; None if the coding is not known."""
        return None if self.steps is None else spikes / self.steps.window

    def few_bits_gain(self, costs: Costs = FLOAT32) -> float | None:
        """Gain over an ANN with activations of the neurons' resolution; None if unknown, or the SNN's energy is 0."""
        return None if self.steps is None else self.energy.few_bits_gain(self.steps.bits, costs)

    def with_memory(self, costs: Costs = FLOAT32, *, reuse: bool) -> MemoryEnergy | None:
        """Energy of arithmetic and accesses to memory, in picojoules; None if the coding is not known, or recurrent.

        Args:
            costs: Of the arithmetic, and how many bits weights and activations have.
            reuse: Whether the ANN reads a weight or value once for a sample, or for each multiply-accumulate.
        """
        if self.steps is None:
            return None
        window, bits = self.steps.window, self.steps.bits
        moved = movement(self.energy, self.layers, steps=window, bits=bits, costs=costs, reuse=reuse)
        if moved is None:
            return None
        few = self.energy.few_bits(bits, costs)
        return MemoryEnergy(
            moved.ann + self.energy.ann(costs), moved.few_bits + few, moved.snn + self.energy.snn(costs)
        )

    def to_json(self) -> dict[str, Any]:
        """The evaluation as JSON values, by evaluate.schema.json; docs/evaluate.md says what they mean."""
        return as_json(self)

    def rows(self) -> list[Row]:
        """Rows (quantity, ANN, SNN) for a table that fits 80 columns."""
        return rows(self)

    def layer_rows(self) -> list[Row]:
        """Rows (layer, neurons, spikes per neuron, per step, most) of the layers of neurons."""
        return layer_rows(self)

    def step_rows(self) -> tuple[Row, list[Row]]:
        """(Columns, rows) of the share of each layer's neurons that fire at each step, in percent; none if unknown."""
        return step_rows(self)

    def synapse_rows(self) -> list[Row]:
        """Rows (layer, MACs of the ANN, MACs and additions of the SNN, energy of both in nJ) of the synaptic layers."""
        return synapse_rows(self)

# SPDX-License-Identifier: Apache-2.0
"""Levels for each layer and time step of a coding over time, fitted to what the layer has to send at that step.

What a neuron has to send depends on what the layers before it have sent by then. So the spiking network is run on
calibration samples layer by layer, and each layer is fitted step by step, with the estimates of all layers before it.
The levels have the least squared error (Lloyd 1982, Max 1960) for the magnitudes of the remainders. From the second
step on, one level is for overload: the largest remainder, since a potential may change by much in a late step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snncc.calibration.lloyd_max import lloyd_max, nearest_level
from snncc.calibration.potential_matching import Batch, batch_size, samples_held
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings
from snncc.execution.partial_run import PartialRun
from snncc.ir.graph import Graph, Node
from snncc.ir.nodes import is_neuron
from snncc.ops.arrays import Array

__all__ = ["step_levels"]

_SAMPLES = 128  # that the network is run on
_VALUES = 2**18  # of a layer that levels are fitted to
_OVERLOAD = 1.5  # times the largest other level: the least overload level


def step_levels(
    spiking: Graph, data: Batch, coding: Coding, choices: Mapping[str, LayerSettings], scales: Mapping[str, Array]
) -> dict[str, LayerSettings]:
    """`choices` with fitted levels, by the name of the ReLU.

    Args:
        spiking: The lowered network in folded form; its neurons get the levels.
        data: Samples {input: [n, ...]}.
        coding: Of `spiking`; its `levels_per_step` is set.
        choices: Per-layer settings so far.
        scales: The scales λ of the channels, by ReLU: errors count in units of activations.
    """
    size = batch_size(spiking)
    data = samples_held(spiking, {name: value[:_SAMPLES] for name, value in data.items()}, coding)
    neurons = [n for n in spiking.nodes() if is_neuron(n)]
    network = PartialRun(spiking, data, max(1, size // coding.slices), [n.inputs[0].name for n in neurons])
    found = dict(choices)
    for node in neurons:
        source, name = node.inputs[0].name, spiking.provenance(node).made_for
        potential = network.values(source)
        remainders = _sampled(potential, node, np.asarray(spiking.value(node.inputs[1])), scales.get(name), coding)
        usual = choices.get(name, LayerSettings())
        found[name] = replace(usual, base=None, levels=remainders.levels(coding))
        node.attrs.update(coding.of_layer(found[name]).attributes(signed=bool(node.attrs["signed"])))
        network.override(node.outputs[0].name, network.run_neuron(node, potential))
        network.release(source)
    return found


@dataclass(frozen=True, eq=False)
class _Remainders:
    """Values of a layer: potentials in units of the neurons' scales, [T, m], and weights of squared errors, [m]."""

    potential: Array
    weight: Array

    def levels(self, coding: Coding) -> tuple[float, ...]:
        """The levels of all steps, one after the other."""
        estimate, tables = np.zeros(self.potential.shape[1]), []
        for step, potential in enumerate(self.potential):
            rest = potential - estimate
            table = _fitted(np.abs(rest), self.weight, coding.levels_per_step, overload=step > 0)
            tables.append(table)
            estimate += np.copysign(nearest_level(np.abs(rest), table), rest)
        return tuple(np.concatenate(tables).tolist())


def _sampled(potential: list[Array], node: Node, unit: Array, scale: Array | None, coding: Coding) -> _Remainders:
    """Values drawn from all batches; the same for the same input."""
    rng = np.random.default_rng(0)
    rows = sum(len(batch) for batch in potential) // coding.slices
    parts, weights = [], []
    for batch in potential:
        steps = batch.reshape(coding.slices, -1)
        sample = batch.shape[1:]
        count = min(steps.shape[1], max(1, _VALUES * (len(batch) // coding.slices) // rows))
        at = rng.choice(steps.shape[1], count, replace=False)
        inside = at % int(np.prod(sample))
        own, whole = (np.broadcast_to(_of_sample(s), sample).ravel()[inside] for s in (unit, scale))
        u = steps[:, at].astype(np.float64) / own
        parts.append(u if node.attrs["signed"] else np.maximum(u, 0))
        weights.append(np.square(whole.astype(np.float64)))
    return _Remainders(np.concatenate(parts, axis=1), np.concatenate(weights))


def _of_sample(scale: Array | None) -> Array:
    """A scale per channel, without the batch axis; 1 if it is not known."""
    return np.ones(1) if scale is None else scale[0] if scale.ndim > 1 and len(scale) == 1 else scale


def _fitted(sizes: Array, weight: Array, count: int, *, overload: bool) -> Array:
    """`count` descending levels; powers of 2 below the largest value if there are too few different ones."""
    top = float(sizes.max(initial=0.0)) or 1.0
    more = overload and count > 1
    levels = lloyd_max(sizes, weight, count - more)
    if levels is None:
        return np.asarray(top * 2.0 ** -np.arange(count))
    return np.array([max(top, _OVERLOAD * levels[0]), *levels] if more else levels)

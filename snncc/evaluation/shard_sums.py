# SPDX-License-Identifier: Apache-2.0
"""Integer sums of an evaluation: shards of the data add up to the exact total, in any order.

Numbers of spikes and operations are sums over the samples here, not means. JSON preserves them exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np

from snncc.errors import DataError
from snncc.evaluation.accuracy import AccuracyCounter
from snncc.evaluation.energy import Energy, Layer, Sizes, SynapticLayer
from snncc.evaluation.inactivated_spikes import InactivatedSpikes, LayerInactivated
from snncc.evaluation.latency import Latency
from snncc.evaluation.result import Evaluation
from snncc.evaluation.spike_counter import LayerTotal

__all__ = ["ShardSums", "merge"]


@dataclass(frozen=True)
class ShardSums:
    """Sums over samples.

    Attributes:
        tally: answers of both networks, as `AccuracyCounter.to_json` puts them.
        layers: spikes of each layer of neurons.
        energy: operations; those that spikes cause are sums, all others those of one sample. No rates.
        steps: time steps by the coding; None if that is not known.
        batch: samples per run.
        sin: spikes of neurons whose ReLU gives 0; None if not counted.
    """

    tally: Mapping[str, Any]
    layers: tuple[LayerTotal, ...]
    energy: Energy
    steps: Latency | None
    batch: int
    sin: InactivatedSpikes | None

    def __post_init__(self) -> None:
        layers = tuple(replace(layer, rate=None) for layer in self.energy.layers)
        object.__setattr__(self, "energy", replace(self.energy, layers=layers))

    def __add__(self, other: ShardSums) -> ShardSums:
        """The counts of the samples of both.

        Raises:
            DataError: they are not of the same networks, with samples of one shape.
        """
        if self._fixed() != other._fixed():
            message = "shards of one configuration do not add up, since their layers differ in size or number"
            raise DataError(f"{message}. Bring all samples to one shape.")
        tally = AccuracyCounter(None)
        for part in (self.tally, other.tally):
            tally.merge(part)
        return ShardSums(
            tally.to_json(),
            tuple(map(_layer_sum, self.layers, other.layers)),
            replace(
                self.energy,
                layers=tuple(map(_synapse_sum, self.energy.layers, other.energy.layers)),
                identities=tuple(map(_synapse_sum, self.energy.identities, other.energy.identities)),
            ),
            self.steps,
            max(self.batch, other.batch),
            _sin_sum(self.sin, other.sin) if self.sin and other.sin else None,
        )

    def evaluation(self) -> Evaluation:
        """The means, equal to an evaluation of all samples in one run; without measured times."""
        tally = AccuracyCounter(None)
        tally.merge(self.tally)
        count = tally.samples
        layers = [_layer_mean(layer, count) for layer in self.layers]
        fired = {layer.tensor: layer for layer in self.layers}
        energy = replace(
            self.energy,
            layers=tuple(_synapse_mean(layer, fired, count) for layer in self.energy.layers),
            identities=tuple(_synapse_mean(layer, fired, count) for layer in self.energy.identities),
        )
        sin = None if self.sin is None else InactivatedSpikes(tuple(_sin_mean(x, count) for x in self.sin.layers))
        return Evaluation(tally, tuple(layers), energy, self.steps, None, self.batch, sin)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "tally": dict(self.tally),
            "layers": [_layer_json(layer) for layer in self.layers],
            "energy": asdict(self.energy),
            "steps": None if self.steps is None else asdict(self.steps),
            "batch": self.batch,
            "sin": None if self.sin is None else asdict(self.sin),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ShardSums:
        """Restore the result of `to_json`."""
        energy, steps, sin = found["energy"], found["steps"], found["sin"]
        return cls(
            found["tally"],
            tuple(_layer_of(x) for x in found["layers"]),
            Energy(
                tuple(Layer(**{**x, "sizes": _sizes_of(x)}) for x in energy["ann_layers"]),
                tuple(map(_synapse_of, energy["layers"])),
                tuple(map(_synapse_of, energy["identities"])),
                energy["quantised"],
            ),
            None if steps is None else Latency(**steps),
            found["batch"],
            None if sin is None else InactivatedSpikes(tuple(_sin_of(x) for x in sin["layers"])),
        )

    def _fixed(self) -> tuple[Any, ...]:
        """What must not differ between parts of the data."""
        energy = self.energy
        synapses = [replace(x, synaptic_operations=0.0) for x in (*energy.layers, *energy.identities)]
        neurons = [(x.name, x.tensor, x.neurons, x.gate, x.per_step is None) for x in self.layers]
        counted = None if self.sin is None else [(x.name, x.neurons) for x in self.sin.layers]
        return synapses, energy.ann_layers, neurons, self.steps, counted, self.tally["labelled"], self.tally["classes"]


def merge(parts: list[ShardSums]) -> ShardSums:
    """The sums over all samples of `parts`, one or more."""
    return reduce(ShardSums.__add__, parts)


def _layer_sum(a: LayerTotal, b: LayerTotal) -> LayerTotal:
    per_step = None if a.per_step is None or b.per_step is None else a.per_step + b.per_step
    return replace(_plain(a), total=a.total + b.total, peak=max(a.peak, b.peak), per_step=per_step)


def _layer_mean(layer: LayerTotal, samples: int) -> LayerTotal:
    per_step = None if layer.per_step is None else layer.per_step / samples
    return replace(_plain(layer), total=layer.total / samples, per_step=per_step)


def _plain(layer: LayerTotal) -> LayerTotal:
    """Without the single neurons."""
    return LayerTotal(**{f.name: getattr(layer, f.name) for f in fields(LayerTotal)})


def _layer_json(layer: LayerTotal) -> dict[str, Any]:
    steps = None if layer.per_step is None else layer.per_step.tolist()
    return {**asdict(_plain(layer)), "per_step": steps}


def _layer_of(found: Mapping[str, Any]) -> LayerTotal:
    steps = found["per_step"]
    return LayerTotal(**{**found, "per_step": None if steps is None else np.array(steps, np.float64)})


def _synapse_sum(a: SynapticLayer, b: SynapticLayer) -> SynapticLayer:
    return replace(a, synaptic_operations=a.synaptic_operations + b.synaptic_operations)


def _synapse_mean(layer: SynapticLayer, fired: Mapping[str, LayerTotal], samples: int) -> SynapticLayer:
    rate = None
    if layer.fed_by:
        feeding = [fired[tensor] for tensor in layer.fed_by]
        rate = sum(x.total for x in feeding) / (sum(x.neurons for x in feeding) * samples)
    return replace(layer, rate=rate, synaptic_operations=layer.synaptic_operations / samples)


def _synapse_of(found: Mapping[str, Any]) -> SynapticLayer:
    return SynapticLayer(**{**found, "sizes": _sizes_of(found), "fed_by": tuple(found["fed_by"])})


def _sizes_of(found: Mapping[str, Any]) -> Sizes | None:
    return None if found["sizes"] is None else Sizes(**found["sizes"])


def _sin_sum(a: InactivatedSpikes, b: InactivatedSpikes) -> InactivatedSpikes:
    return InactivatedSpikes(tuple(map(_sin_layer_sum, a.layers, b.layers)))


def _sin_layer_sum(a: LayerInactivated, b: LayerInactivated) -> LayerInactivated:
    steps = None
    if a.per_step is not None and b.per_step is not None:
        steps = tuple(x + y for x, y in zip(a.per_step, b.per_step, strict=True))
    return replace(a, firing=a.firing + b.firing, spikes=a.spikes + b.spikes, per_step=steps)


def _sin_mean(layer: LayerInactivated, samples: int) -> LayerInactivated:
    steps = None if layer.per_step is None else tuple(x / samples for x in layer.per_step)
    return replace(layer, firing=layer.firing / samples, spikes=layer.spikes / samples, per_step=steps)


def _sin_of(found: Mapping[str, Any]) -> LayerInactivated:
    steps = found["per_step"]
    return LayerInactivated(**{**found, "per_step": None if steps is None else tuple(steps)})

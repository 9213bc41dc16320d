# SPDX-License-Identifier: Apache-2.0
"""Measure the output error from coding one layer alone, with exact activations in all others.

Errors of different layers are nearly independent and additive, so that each layer can be tuned separately. With all
layers coded, the rounding of the others would hide the contribution of a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.calibration.observers import ActivationSite
from snncc.calibration.potential_matching import batch_size
from snncc.coding import Coding
from snncc.execution.partial_run import PartialRun
from snncc.io.batches import Batch
from snncc.ir.graph import Graph
from snncc.ops.arrays import Array
from snncc.passes.shared.readouts import judged_outputs

__all__ = ["OneLayer", "each_layer", "relative_error"]

_STEPS = 2**16  # of the table of a code, up to twice the largest value that it sends


@dataclass(frozen=True)
class OneLayer:
    """A layer of activation sites that is coded by itself.

    Attributes:
        neurons: The number of its neurons.
    """

    neurons: int
    _activations: list[Array]
    _exact: list[Array]
    _outputs: Callable[[list[Array]], list[Array]]

    def error(self, coding: Coding, scale: Array) -> float:
        """The mean squared error of the outputs' potentials over their variance, with scales λ."""
        code = _table(coding, coding.code)
        return relative_error(self._exact, self._outputs([_coded(a, scale, code) for a in self._activations]))

    def spikes(self, coding: Coding, scale: Array) -> float:
        """The mean number of spikes of a neuron for one sample."""
        count, unit = _table(coding, coding.count), scale.astype(np.float32)
        return float(sum(count(np.abs(a) / unit).sum(dtype=np.float64) for a in self._activations)) / sum(
            a.size for a in self._activations
        )


def each_layer(graph: Graph, sites: list[ActivationSite], data: Batch) -> Iterator[tuple[ActivationSite, OneLayer]]:
    """Each layer of activation sites that affects an output, to be used before the next one.

    Args:
        graph: The prepared ReLU network.
        sites: The layers, in topological order.
        data: Samples {input: [n, …]}.
    """
    network = PartialRun(graph, data, batch_size(graph))
    outputs = [t.name for t in judged_outputs(graph)]
    exact = _joined(network.runner(outputs)({}))
    for place in sites:
        activations = network.values(place.tensor)
        network.override(place.tensor, activations)
        behind = network.runner(outputs)

        def results(sent: list[Array], tensor: str = place.tensor, run: Any = behind) -> list[Array]:
            return _joined(run({tensor: sent}))

        samples = sum(map(len, activations))
        yield place, OneLayer(sum(a.size for a in activations) // max(samples, 1), activations, exact, results)


def relative_error(exact: list[Array], found: list[Array]) -> float:
    """Mean over outputs [n, ...] of the mean squared error over the variance; for class numbers, the error rate."""
    return float(np.mean([_missed(*pair) for pair in zip(exact, found, strict=True)]))


def _missed(wanted: Array, given: Array) -> float:
    if wanted.dtype.kind != "f":
        return float(np.mean(wanted != given))
    wanted = wanted.astype(np.float64)
    return float(np.mean((wanted - given) ** 2)) / (float(wanted.var()) or 1.0)


def _joined(parts: Iterable[list[Array]]) -> list[Array]:
    """Batches of [each output] as one array for each."""
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _table(coding: Coding, function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A function of activations, in units of the scale, as a look-up table, since it is evaluated for millions of them,
    for some codes over hundreds of steps.
    """
    top = 2 * coding.largest
    values = function((np.arange(_STEPS) + 0.5) * (top / _STEPS)).astype(np.float32)

    def look_up(u: Array) -> Array:
        return np.where(u > 0, values[np.minimum(u * (_STEPS / top), _STEPS - 1).astype(np.int32)], 0)

    return look_up


def _coded(activations: Array, scale: Array, code: Callable[[Array], Array]) -> Array:
    """Output of the neurons; for a layer without a ReLU, the coded magnitude with the sign."""
    unit = scale.astype(np.float32)
    sent = code(np.abs(activations) / unit) * unit
    return np.copysign(sent, activations).astype(activations.dtype)

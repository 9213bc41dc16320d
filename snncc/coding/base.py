# SPDX-License-Identifier: Apache-2.0
"""Interface of a coding: its parameters, how a ReLU is lowered to a neuron, how the input is encoded."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.coding.declaration import Declaration
from snncc.coding.scales import InputGrid, LayerSettings
from snncc.errors import OptionError
from snncc.ir.graph import Graph, Tensor
from snncc.ops import DOMAIN, get
from snncc.ops.arrays import Array

__all__ = ["Coding", "add_neuron", "add_op"]


_GATE = 16  # time steps with which gates approximate their activations well
_MOST = 24  # and those that are as good as exact, the bits of a float32


class Coding(Declaration):
    """A coding is a frozen dataclass; its fields are the paper's own letters, most of them with a `Setting`."""

    # Whether there are neurons for other activations than ReLU.
    activations: ClassVar[bool] = False
    # Whether max pools need spikes to choose from, rather than potentials or decoded values.
    pools_spikes: ClassVar[bool] = False

    # Whether one neuron codes values of both signs; else it takes two of opposite polarity.
    signed_neurons: ClassVar[bool] = False

    @property
    def stepwise(self) -> Coding:
        """The coding for lowering to a network of single time steps."""
        return self

    def decoded(self, stacked: Array) -> Array:
        """The values, [N, …], that `stacked` slices or time steps, [slices N, …], represent at the end."""
        parts = stacked.reshape(self.slices, stacked.shape[0] // self.slices, *stacked.shape[1:])
        return np.asarray(parts[-1] if self.readout == "last" else parts.mean(axis=0, dtype=np.float64))

    @property
    def fixed_scale(self) -> float | None:
        """The scale of every neuron, if the coding does not compute it from activations."""
        return None

    @abstractmethod
    def neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """Add the neuron that replaces a ReLU on `potential`, in units of `scale`; returns its spike values."""

    def signed_neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """Add the neuron that codes |potential| with its sign; only for codings with `signed_neurons`."""
        raise NotImplementedError

    def attributes(self, *, signed: bool = False) -> dict[str, Any]:
        """Attributes of a neuron; only for codings with `levels_per_step`."""
        raise NotImplementedError

    @property
    @abstractmethod
    def largest(self) -> float:
        """The largest value that a neuron can send, in units of its scale."""

    @abstractmethod
    def code(self, activations: Array) -> Array:
        """The neuron's output for `activations` >= 0, both in units of its scale."""

    def code_for_scale(self, activations: Array) -> Array:
        """The output whose squared error is least for the scale of least squares; by default `code`."""
        return self.code(activations)

    def count(self, activations: Array) -> Array:
        """The number of spikes for `activations` >= 0 in units of the scale; only for codings with `two_spikes`."""
        raise NotImplementedError

    @property
    def few_spikes(self) -> int | None:
        """Time steps of the FSNeurons that ReLUs are lowered to, None if they are lowered to other ops."""
        return None

    def gates(self, wanted: int | None) -> tuple[int, int]:
        """(Time steps of a gate of a recurrent layer, length of its tables), for `wanted` steps or by default.

        The FSNeurons of one model have tables of one length.

        Raises:
            OptionError: a gate cannot have so many.
        """
        length = self.few_spikes or wanted or _GATE
        steps = (length if self.activations else min(length, _GATE)) if wanted is None else wanted
        if not 1 <= steps <= min(length, _MOST):
            reason = f"beside neurons of {length} steps" if self.few_spikes else "of a float32's bits"
            raise OptionError(f"gates are to have {steps} steps, but 1 to {min(length, _MOST)} are possible {reason}")
        return steps, length

    def encoder(self, graph: Graph, source: Tensor, maximum: float, name: str) -> Tensor | None:  # noqa: ARG002
        """Add the neuron that encodes a network input of magnitude up to `maximum`; None if it stays analog."""
        return None

    @property
    def codes_grids(self) -> bool:
        """Whether inputs whose values lie on a grid are encoded by `grid_encoder`."""
        return False

    def grid_encoder(self, graph: Graph, source: Tensor, grid: InputGrid, name: str) -> Tensor:
        """Add the neuron that encodes `source`, multiples of the step of `grid`; only where `codes_grids`."""
        raise NotImplementedError

    def of_layer(self, choice: LayerSettings) -> Coding:  # noqa: ARG002
        """The coding with the per-layer settings of a layer; by default only the scale is per layer."""
        return self

    def coarseness(self, steps: int) -> float | None:  # noqa: ARG002
        """Dependence of a layer's squared error on its time steps; None if all layers must have the same number."""
        return None

    def activation(self, graph: Graph, kind: str, potential: Tensor, extent: tuple[float, float], name: str) -> Tensor:
        """Add the neuron that replaces an activation other than ReLU; only for codings with `activations`."""
        raise NotImplementedError

    @property
    def bits(self) -> int:
        """Bits of the activations of an ANN with the same resolution: T + 1 values for 0 to T spikes."""
        return math.ceil(math.log2(self.steps + 1))

    @property
    @abstractmethod
    def interval(self) -> int:
        """Time steps between two samples in a pipeline of layers."""

    @abstractmethod
    def latency(self, layers: int) -> int:
        """Time steps until the output is complete, for a network with `layers` consecutive spiking layers."""


def add_op(
    graph: Graph,
    op: str,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    name: str,
    initial: Mapping[str, float] | None = None,
) -> Tensor:
    """Add a node of domain ai.snncc; its states start at `initial`, by input, or at 0, and its time at step 0."""
    definition = get(op)
    given = list(inputs)
    for parameter in definition.inputs[len(given) :]:
        if parameter.name == "step":
            given.append(graph.constant(f"{name}_step", np.zeros(1, np.int64)))
        else:
            start = np.full(1, (initial or {}).get(parameter.name, 0.0), np.float32)
            given.append(graph.constant(f"{name}_{parameter.name}", start))
    unused = len(definition.outputs) - 1
    return graph.add(op, given, name=name, attrs=dict(attrs), domain=DOMAIN, unused_outputs=unused)


def add_neuron(
    graph: Graph,
    op: str,
    potential: Tensor,
    scale: npt.ArrayLike,
    attrs: Mapping[str, Any],
    name: str,
    initial: Mapping[str, float] | None = None,
) -> Tensor:
    """Add a neuron with inputs (potential, scale), and states that start at `initial`."""
    constant = graph.constant(f"{name}_scale", np.atleast_1d(np.asarray(scale, np.float32)))
    return add_op(graph, op, [potential, constant], attrs, name, initial)

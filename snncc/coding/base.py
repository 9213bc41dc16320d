# SPDX-License-Identifier: Apache-2.0
"""What every coding offers to the passes: its parameters, how a ReLU lowers to its neuron, how the input is encoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph, Tensor
from snncc.ops import DOMAIN

__all__ = ["Coding", "add_neuron"]


class Coding(ABC):
    """A coding is a frozen dataclass; its fields are the paper's own letters."""

    name: ClassVar[str]

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """All parameters, as JSON values, for the model's metadata."""

    @abstractmethod
    def neuron(self, graph: Graph, potential: Tensor, scale: npt.NDArray[Any], name: str) -> Tensor:
        """Add the neuron that stands for a ReLU on `potential`, in units of `scale`; returns its spike values."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """The largest value that a neuron can send, in units of its scale."""

    @abstractmethod
    def code(self, activations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the neuron makes of `activations` >= 0, given and returned in units of its scale."""

    @abstractmethod
    def encoder(self, graph: Graph, source: Tensor, maximum: float, name: str) -> Tensor | None:
        """Add the neuron that encodes a network input of magnitude up to `maximum`; None if it stays analog."""

    @abstractmethod
    def latency(self, layers: int) -> int:
        """Time steps until the output is there, for a network with `layers` spiking layers in a row."""


def add_neuron(
    graph: Graph, op: str, potential: Tensor, scale: npt.ArrayLike, attrs: Mapping[str, Any], name: str
) -> Tensor:
    """Add a neuron of domain ai.snncc with inputs (potential, scale)."""
    constant = graph.constant(f"{name}_scale", np.atleast_1d(np.asarray(scale, np.float32)))
    return graph.add(op, [potential, constant], name=name, attrs=dict(attrs), domain=DOMAIN, unused_outputs=1)

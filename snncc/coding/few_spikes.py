# SPDX-License-Identifier: Apache-2.0
"""Few-spikes coding, FS (fs_conversion.txt): the K spikes of a neuron are the bits of its value.

For a ReLU, T_t = h_t = d_t = α 2^-t for t = 1 … K (section 1.1): values below α are coded with an error below α 2^-K.
With the shift, the initial potential is half of that, so that the neuron rounds instead of flooring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from snncc.coding.base import Coding, add_neuron
from snncc.coding.expected_parameters import binary_phases, few_spikes_tables
from snncc.coding.fs_tables.tables import table
from snncc.coding.phase_tables import binary_tables
from snncc.coding.scales import LayerSettings
from snncc.coding.settings import setting
from snncc.ir.graph import Graph, Tensor
from snncc.ops import get
from snncc.ops.arrays import Array
from snncc.ops.few_spikes import FEW_SPIKES

__all__ = ["FS"]

_MOST = 24  # bits of a float32


@dataclass(frozen=True)
class FS(Coding):
    """Few-spikes coding with K time steps per layer.

    Args:
        K: Time steps, and maximum number of spikes, of a neuron, 1 … 24.
        alpha: Largest value that is coded, the same for all neurons, in units of the activations (the paper: 25);
            None: each neuron's own scale, from calibration.
        shift: Start at half a step of the code: round instead of flooring.
        input: How the network's input is coded: `binary`, in K signed bits, or `analog`, as the paper has it.

    Raises:
        OptionError: a parameter is out of its range.
    """

    name: ClassVar[str] = "fs"
    title: ClassVar[str] = "Few-spikes coding"
    activations: ClassVar[bool] = True
    steps_field: ClassVar[str] = "K"
    steps_grid: ClassVar[tuple[int, ...]] = (3, 4, 5, 6, 8, 10, 12, 16)
    steps_curve: ClassVar[tuple[int, ...]] = tuple(range(2, 17))
    error_axis: ClassVar[Literal["linear", "log"]] = "log"  # a bit more halves the error
    K: int = setting(
        10,
        "Time steps, and most spikes, of a neuron.",
        least=1,
        most=_MOST,
        refusal=f"K is {{}}, but a few-spikes neuron has 1 to {_MOST} time steps; K = 10 is usual",
    )
    alpha: float | None = setting(
        None,
        "Largest value that is coded, in units of the activations (the paper: 25).  [default: each neuron's scale]",
        above=0,
        refusal="alpha is {}, but it must be a positive number; the paper takes 25",
    )
    shift: bool = setting(True, off=(False, "Floor to a multiple of the last step instead of rounding."))
    input: str = setting(
        "analog",
        "How the network's input is coded; one: not here.",
        choices=("binary", "analog"),
        refusal="input is '{}', but few-spikes coding takes 'binary' or 'analog'",
    )

    @property
    def fixed_scale(self) -> float | None:
        """α, if given."""
        return self.alpha

    @property
    def few_spikes(self) -> int:
        """K."""
        return self.K

    def tables(self) -> dict[str, Any]:
        """Attributes of the neuron that replaces a ReLU."""
        steps = (2.0 ** -np.arange(1.0, self.K + 1)).tolist()
        start = 2.0 ** -(self.K + 1) if self.shift else 0.0
        return {"thresholds": steps, "resets": steps, "values": steps, "initial": start}

    def neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """FSNeuron with the tables of a ReLU."""
        return add_neuron(graph, "FSNeuron", potential, scale, self.tables(), name)

    def activation(self, graph: Graph, kind: str, potential: Tensor, extent: tuple[float, float], name: str) -> Tensor:
        """FSNeuron with the tables of `kind`, fitted for pre-activations within `extent`."""
        return add_neuron(graph, "FSNeuron", potential, np.ones(1), table(kind, self.K, *extent).attributes(), name)

    def of_layer(self, choice: LayerSettings) -> FS:
        """The coding with the layer's own number of steps."""
        return self if choice.steps is None else replace(self, K=choice.steps)

    def coarseness(self, steps: int) -> float:
        """4^-K: each step halves the error."""
        return 4.0**-steps

    @property
    def largest(self) -> float:
        """The sum of all K spikes."""
        return 1.0 - 2.0**-self.K

    def code(self, activations: Array) -> Array:
        """The value of the spikes, by the op's reference."""
        coded = FEW_SPIKES.reference([activations.astype(np.float32), np.ones(1, np.float32)], self.tables())
        return coded[0].astype(np.float64)

    def encoder(self, graph: Graph, source: Tensor, maximum: float, name: str) -> Tensor | None:
        """A signed PhaseNeuron of K bits, whose levels sum to almost twice its unit."""
        if self.input == "analog":
            return None
        return add_neuron(graph, "PhaseNeuron", source, maximum / 2, binary_tables(self.K), name)

    def expected_attributes(self, op: str, form: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """The bits of a value below the scale; the shift is half of the last one."""
        if "levels" in {a.name for a in get(op).attributes}:
            return binary_phases(self.K)
        steps = 2.0 ** -np.arange(1, self.K + 1, dtype=np.float64)
        return few_spikes_tables(steps, 2.0 ** -(self.K + 1) if self.shift else 0.0)

    def expected_encoder(self, op: str, form: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """As for other neurons of that op."""
        return self.expected_attributes(op, form)

    @property
    def table_source(self) -> str:
        """K and shift."""
        return "K and shift"

    @property
    def steps(self) -> int:
        """K."""
        return self.K

    @property
    def bits(self) -> int:
        """K: the spikes are the bits."""
        return self.K

    @property
    def interval(self) -> int:
        """2K: a neuron integrates for K steps and sends for K (section 1.1)."""
        return 2 * self.K

    def latency(self, layers: int) -> int:
        """K L: a layer starts when the one before has finished (section 1.1); encoded input counts as a layer."""
        return self.K * (layers + (self.input == "binary"))

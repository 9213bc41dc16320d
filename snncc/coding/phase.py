# SPDX-License-Identifier: Apache-2.0
"""One-spike phase coding (one_spike.txt): a spike at phase p has the value Q^-p; one spike codes an activation.

Levels ℓ_p = Q^-p for p = 0 … T-1 and thresholds θ_p = s ℓ_p, with the threshold shift s = (1 + 1/Q)/2, the midpoint of
two levels, so that the neuron rounds (eq. 4); without it s = 1 and it floors (eq. 3). As an extension of the paper,
levels may be any descending numbers; then the neuron rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snncc.coding.base import Coding, add_neuron
from snncc.coding.expected_parameters import binary_phases, coarse_fine_phases, grid_phases, phases
from snncc.coding.phase_parameters import PhaseParameters
from snncc.coding.phase_tables import (
    binary_tables,
    coarse_fine_tables,
    grid_tables,
    level_tables,
    power_tables,
    several_spikes,
)
from snncc.coding.scales import InputGrid
from snncc.ir.graph import Graph, Tensor
from snncc.ops.arrays import Array
from snncc.ops.coarse_fine import COARSE_FINE
from snncc.ops.one_spike import ONE_SPIKE
from snncc.ops.phase import PHASE

__all__ = ["Phase"]


@dataclass(frozen=True)
class Phase(PhaseParameters):
    """Phase coding with T phases and base Q.

    Args:
        T: Number of phases, at least 1.
        Q: Base of the levels, 1 < Q <= 2; about 1.3 is best at T = 16, 1.2 at T = 24 (section III-B2). `auto`: levels
            are fitted to the layers where there is calibration data; else, the base with the least mean absolute
            percentage error (eq. 5).
        shift: Threshold shift: round to the nearest level instead of flooring (section III-B1).
        spikes: Maximum number of spikes of a neuron, 1 … T.
        input: How the network's input is coded: `binary` (levels 2^-p, up to T spikes; calibration data on a grid of up
            to 8 bits take one phase per bit), `one` spike, or `analog`.
        wait: Phases that a layer waits for its input before it fires, 1 … T; None: all T, so that no input is lost.
        levels: Spike value of each phase instead of Q^-p, in units of the scale: T descending positive numbers.
        fine: With `levels` and two spikes: the last of the T phases are those of a second spike, of either sign, that
            codes what the first leaves; the values of these phases, as `levels`, of which there are so many fewer.

    Raises:
        OptionError: a parameter is out of its range.
    """

    def tables(self) -> dict[str, list[float]]:
        """Attributes `levels` and `thresholds`, T float32 values each."""
        if self.levels is not None:
            return level_tables(self.levels)
        return power_tables(self.T, self.base, shift=self.shift)

    @property
    def stepwise(self) -> Coding:
        """The coding without slices: in single steps, a layer processes its input as it arrives."""
        return replace(self, wait=None)

    def neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """OneSpikeNeuron; WaitOneSpikeNeuron if it does not wait for all input; PhaseNeuron for more than one spike, or
        CoarseFineNeuron if the second has levels of another table.
        """
        if self.slices > 1:
            return add_neuron(graph, "WaitOneSpikeNeuron", potential, scale, {**self.tables(), "wait": self.wait}, name)
        if self.spikes == 1:
            return add_neuron(graph, "OneSpikeNeuron", potential, scale, self.tables(), name)
        if self.fine is not None:
            return add_neuron(graph, "CoarseFineNeuron", potential, scale, {**self._coarse_fine(), "signed": 0}, name)
        return add_neuron(graph, "PhaseNeuron", potential, scale, several_spikes(self.tables(), self.spikes), name)

    @property
    def signed_neurons(self) -> bool:  # type: ignore[override]
        """Whether the sign of the input is known when a neuron fires: only if it waits for all of its input."""
        return self.slices == 1

    def signed_neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """Add a neuron with the same number of spikes as the other neurons."""
        if self.fine is not None:
            return add_neuron(graph, "CoarseFineNeuron", potential, scale, {**self._coarse_fine(), "signed": 1}, name)
        return add_neuron(graph, "PhaseNeuron", potential, scale, self._signed(), name)

    @property
    def largest(self) -> float:
        """All spikes allowed, in the first phases."""
        if self.levels is not None and self.fine is not None:
            return self.levels[0] + self.fine[0]
        return float(sum(self.tables()["levels"][: self.spikes]))

    def code(self, activations: Array) -> Array:
        """The value of the spikes, by the op's reference."""
        return self._sent(activations)[0].astype(np.float64)

    def count(self, activations: Array) -> Array:
        """The number of spikes, by the op's reference."""
        return self._sent(activations)[1]

    def _sent(self, activations: Array) -> tuple[Array, ...]:
        attrs: dict[str, Any]
        if self.fine is not None:
            op, attrs = COARSE_FINE, {**self._coarse_fine(), "signed": 0}
        elif self.spikes > 1:
            op, attrs = PHASE, several_spikes(self.tables(), self.spikes)
        else:
            op, attrs = ONE_SPIKE, self.tables()
        return op.reference([activations.astype(np.float32), np.ones(1, np.float32)], attrs)

    def encoder(self, graph: Graph, source: Tensor, maximum: float, name: str) -> Tensor | None:
        """Add a signed PhaseNeuron; binary levels sum to almost 2, so that their unit is half of the maximum."""
        if self.input == "analog":
            return None
        attrs: dict[str, Any] = binary_tables(self.T)
        if self.input == "one":
            attrs = replace(self.coarse, spikes=1)._signed()
        unit = maximum if self.input == "one" else maximum / 2
        if self.slices > 1:
            return add_neuron(graph, "PhaseEncoder", source, unit, {**attrs, "wait": self.wait}, name)
        return add_neuron(graph, "PhaseNeuron", source, unit, attrs, name)

    @property
    def codes_grids(self) -> bool:
        """For binary input."""
        return self.input == "binary"

    def grid_encoder(self, graph: Graph, source: Tensor, grid: InputGrid, name: str) -> Tensor:
        """Add a signed PhaseNeuron with as many phases as the grid has bits, at least one for each slice."""
        attrs = grid_tables(grid.bits, max(grid.bits, self.slices))
        unit = grid.step * 2.0 ** (grid.bits - 1)
        if self.slices > 1:  # the last slice is complete
            wait = len(attrs["levels"]) - self.slices + 1
            return add_neuron(graph, "PhaseEncoder", source, unit, {**attrs, "wait": wait}, name)
        return add_neuron(graph, "PhaseNeuron", source, unit, attrs, name)

    def expected_attributes(self, op: str, form: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Levels and thresholds of a neuron that replaces a ReLU."""
        return self._expected(self.spikes)

    def expected_encoder(self, op: str, form: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those of the input's encoder, which is signed; other neurons are as those of ReLUs."""
        if not given.get("signed"):
            return self.expected_attributes(op, form)
        if self.input == "binary":
            return grid_phases(given, self.slices) or binary_phases(self.T, self.wait)
        return self._expected(1)

    def _expected(self, spikes: int) -> dict[str, Any]:
        if self.fine is not None:
            return coarse_fine_phases(self.levels or (), self.fine)
        return phases(self.T, self.base, self.levels, shift=self.shift, spikes=spikes, wait=self.wait)

    @property
    def table_source(self) -> str:
        """Levels, if given, else T, Q and shift."""
        return "its levels" if self.levels is not None else "T, Q and shift"

    def _coarse_fine(self) -> dict[str, list[float]]:
        return coarse_fine_tables(self.levels or (), self.fine or ())

    def _signed(self) -> dict[str, Any]:
        """Attributes as for the other neurons of the network: one spike rounds by its threshold."""
        if self.spikes > 1:
            return {**several_spikes(self.tables(), self.spikes), "signed": 1}
        tables = self.tables()
        return {**tables, "last_thresholds": tables["thresholds"], "max_spikes": 1, "signed": 1}

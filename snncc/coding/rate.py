# SPDX-License-Identifier: Apache-2.0
"""Rate coding with optimal conversion (optimal_conversion.txt): the mean of the spikes over T steps is the activation.

Integrate-and-fire neurons with soft reset and threshold balance floor the mean potential to a multiple of 1/T of their
scale; the shift of half a threshold makes them round (its eq. 10): all at once, as the `init`ial potential, or a
`bias` of 1/(2T) of the threshold at each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from snncc.coding.base import Coding, add_neuron
from snncc.coding.expected_parameters import few_spikes_tables, over_time
from snncc.coding.settings import OVER_TIME, STEPS_DRAWN, Setting, setting
from snncc.errors import OptionError
from snncc.ir.graph import Graph, Tensor
from snncc.ops.arrays import Array

__all__ = ["Rate"]

_LONGEST = 2**16


@dataclass(frozen=True)
class Rate(Coding):
    """Rate coding over T time steps.

    Args:
        T: Number of time steps, at least 1.
        shift: Half a threshold against flooring: `init`, `bias` or `none`.
        signed: Neurons that have fired may cancel spikes by negative ones; None: unless layers wait for their input, in
            which case there is nothing to cancel.
        wait: T: each layer waits for all of its input before it fires; None: layers fire while input arrives.

    Raises:
        OptionError: a parameter is out of its range.
    """

    name: ClassVar[str] = "rate"
    title: ClassVar[str] = "Rate coding, integrate-and-fire neurons"
    help_order: ClassVar[tuple[str, ...]] = (
        *("T", "wait", "threshold_scale", "shift", "no_shift", "signed", "no_signed", "anytime"),
    )
    arguments: ClassVar[Mapping[str, Setting]] = OVER_TIME
    readout: ClassVar[str] = "mean"
    steps_field: ClassVar[str] = "T"
    steps_grid: ClassVar[tuple[int, ...]] = (8, 16, 32, 64, 128, 256)
    steps_curve: ClassVar[tuple[int, ...]] = STEPS_DRAWN
    counts_inactivated_spikes: ClassVar[bool] = True
    T: int = setting(
        32,
        "Number of time steps.",
        least=1,
        most=_LONGEST,
        refusal=f"T is {{}}, but rate coding takes 1 to {_LONGEST} time steps; 16 to 256 are usual",
    )
    shift: str = setting(
        "init",
        "Half a threshold, against flooring: at the start, a bit at each step, or not at all.",
        choices=("init", "bias", "none"),
        off=("none", "The same as --shift none."),
    )
    signed: bool | None = setting(
        None,
        "Neurons may take back spikes that they have sent.  [default, without --wait]",
        off=(False, "Neurons only send, as in the paper."),
    )
    wait: int | None = setting(
        None, "T: a layer waits for all its input before it fires. By default none waits.", metavar="W", free=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wait is not None and self.wait != self.T:
            raise OptionError(f"wait is {self.wait}, but a layer waits for all T = {self.T} steps or not at all")
        if self.wait is not None and self.signed:
            raise OptionError("a layer that waits for all of its input never takes spikes back: drop wait or signed")
        if self.signed is None:
            object.__setattr__(self, "signed", self.wait is None)

    def usual_values(self) -> dict[str, Any]:
        """Spikes are taken back unless layers wait."""
        return {"signed": self.wait is None}

    def with_steps(self, steps: int) -> Self:
        """The coding with this T; a layer that waits for all of its input waits for all T steps."""
        return replace(self, T=steps, wait=steps if self.wait else None)

    def rows(self, form: str) -> int | None:
        """T; if layers wait for all of their input, only known for the folded form."""
        return None if self.wait and form != "folded" else super().rows(form)

    @property
    def slices(self) -> int:
        """T steps, or 1 if a layer has all of its input before it fires."""
        return 1 if self.wait else self.T

    @property
    def pools_spikes(self) -> bool:  # type: ignore[override]
        """Whether max pools select by the spikes so far, which needs spikes that arrive step by step."""
        return not self.wait

    @property
    def few_spikes(self) -> int | None:
        """T, for neurons that wait for all of their input."""
        return self.wait

    def neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """RoundingIFNeuron, or IFNeuron if not signed; FSNeuron with T equal steps if it waits for all of its input."""
        if self.wait:
            return add_neuron(graph, "FSNeuron", potential, scale, self._waiting(), name)
        op = "RoundingIFNeuron" if self.signed else "IFNeuron"
        attrs = {"steps": self.T, "bias": 0.5 / self.T if self.shift == "bias" else 0.0}
        start = 0.5 if self.shift == "init" else 0.0
        return add_neuron(graph, op, potential, scale, attrs, name, {"V": start})

    @property
    def largest(self) -> float:
        """A spike at every step."""
        return 1.0

    def code(self, activations: Array) -> Array:
        """The mean of the spikes for a constant current: the nearest multiple of 1/T, at most 1."""
        shift = 0.0 if self.shift == "none" else 0.5
        return np.clip(np.floor(activations.astype(np.float64) * self.T + shift), 0, self.T) / self.T

    @property
    def steps(self) -> int:
        """T."""
        return self.T

    @property
    def interval(self) -> int:
        """T: all layers complete a sample at the same time; 2T if a layer integrates for T steps and
        then sends for T.
        """
        return 2 * self.T if self.wait else self.T

    def latency(self, layers: int) -> int:
        """T steps: spikes pass through all layers within a step; T per layer if each waits for all of its input."""
        return self.T * (layers + 1) if self.wait else self.T

    def expected_attributes(self, op: str, form: Mapping[str, Any]) -> Mapping[str, Any]:
        """A threshold of 1 at each of T steps; all of them at once where a layer waits for its input."""
        if self.wait:
            initial = 0.0 if self.shift == "none" else 0.5 / self.T
            steps = np.full(self.T, 1.0 / self.T)
            return {"op": "FSNeuron" + "Step" * op.endswith("Step"), **few_spikes_tables(steps, initial)}
        bias = 0.5 / self.T if self.shift == "bias" else 0.0
        taking_back = "SignedIFNeuron" if op == "SignedIFNeuron" else "RoundingIFNeuron"  # the first in earlier models
        return over_time(taking_back if self.signed else "IFNeuron", self.T, form, bias=bias)

    def expected_encoder(self, op: str, form: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """As for all neurons."""
        return self.expected_attributes(op, form)

    @property
    def table_source(self) -> str:
        """T and shift."""
        return "T and shift"

    def _waiting(self) -> dict[str, Any]:
        """Complete input is T times the mean current: T steps of 1/T each in units of the mean."""
        steps = [1.0 / self.T] * self.T
        return {
            "thresholds": steps,
            "resets": steps,
            "values": steps,
            "initial": 0.0 if self.shift == "none" else 0.5 / self.T,
        }

# SPDX-License-Identifier: Apache-2.0
"""Parameters of phase coding, and the layer settings, steps and times derived from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from snncc.coding.base import Coding
from snncc.coding.optimal_base import best_base
from snncc.coding.phase_tables import checked_levels
from snncc.coding.scales import LEVELS, LayerSettings
from snncc.coding.settings import Setting, setting
from snncc.errors import OptionError
from snncc.ops.arrays import Array

__all__ = ["PhaseParameters"]

_HIGHEST_BASE = 2.0  # above it, levels would be coarser than bits
_LOWEST = 2.0**-126  # of the float32 numbers of full precision
_POWERS = tuple(step / 20 for step in range(10, 26))  # of the paper's base
_LEVELS = Setting(
    "What spikes are worth: powers of the same Q everywhere; of a Q for each layer behind a BatchNormalization, by its "
    "mean and deviation; or fitted to each layer's activations.  [default: powers; tune: whatever leaves less error]",
    str,
    LEVELS,
)


@dataclass(frozen=True)
class PhaseParameters(Coding):
    """Parameters and declaration of `Phase`."""

    name: ClassVar[str] = "phase"
    title: ClassVar[str] = "Phase coding, one spike per neuron"
    help_order: ClassVar[tuple[str, ...]] = ("T", "Q", "levels", "spikes", "wait")
    arguments: ClassVar[Mapping[str, Setting]] = {"levels": _LEVELS}
    steps_field: ClassVar[str] = "T"
    steps_grid: ClassVar[tuple[int, ...]] = (8, 12, 16, 20, 24, 32)
    base_field: ClassVar[str] = "Q"
    T: int = setting(
        24,
        "Number of phases.",
        least=1,
        refusal="T is {}, but a code needs at least one phase; T = 16 or 24 are usual",
    )
    Q: float | str = setting(
        1.2,
        "Base of the levels Q^-p, 1 < Q <= 2; auto: with the least mean absolute percentage error at T.",
        above=1,
        most=_HIGHEST_BASE,
        refusal="Q is {}, but the base must be above 1 and at most 2; try 'auto', or 1.3 at T=16, 1.2 at T=24",
        metavar="[auto|Q]",
    )
    shift: bool = setting(True, off=(False, "Floor to a level instead of rounding to the nearest."))
    spikes: int = setting(1, "Spikes that a neuron may send, 1 to T.", metavar="N")
    input: str = setting("binary", "How the network's input is coded.", choices=("binary", "one", "analog"))
    wait: int | None = setting(
        None,
        "Phases that a layer waits for its input before it fires, 1 to T; T, the default, misses nothing.",
        metavar="W",
    )
    levels: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.spikes <= self.T:
            raise OptionError(f"spikes is {self.spikes}, but a neuron may send 1 to T = {self.T} spikes")
        if self.wait is not None:
            self._check_wait(self.wait)
        if self.levels is not None:
            object.__setattr__(self, "levels", checked_levels(self.levels, self.T))
            if not self.rounds:
                raise OptionError("levels that are no powers are for one spike that rounds; leave out spikes and shift")
        if self.Q == "auto":
            object.__setattr__(self, "Q", best_base(self._code_at))
        lowest = 2.0 if self.input == "binary" else float(self.Q)
        if lowest ** (1 - self.T) < _LOWEST:
            raise OptionError(
                f"T is {self.T}, but a level {lowest:g}^{1 - self.T} is none that a float32 can tell from 0"
            )

    def _check_wait(self, wait: int) -> None:
        if not 1 <= wait <= self.T:
            raise OptionError(f"wait is {wait}, but a layer may wait for 1 to T = {self.T} phases")
        if wait < self.T and self.spikes > 1:
            raise OptionError(f"wait is {wait} with {self.spikes} spikes, but only one-spike neurons fire early")

    @property
    def slices(self) -> int:
        """J = T - wait + 1 slices of a value that arrives while the neuron already fires."""
        return self.T - (self.wait or self.T) + 1

    def parameters(self) -> dict[str, Any]:
        """All parameters, as JSON values; `levels` only where there are any."""
        given = super().parameters()
        return {key: value for key, value in given.items() if key != "levels" or value is not None}

    def of_layer(self, choice: LayerSettings) -> Self:
        """The coding with the layer's own phases, and base or levels."""
        steps = choice.steps or self.T
        coding = self if steps == self.T else replace(self, T=steps, levels=None)
        if choice.levels is not None:
            return replace(coding, levels=choice.levels)
        return coding if choice.base is None else replace(coding, Q=choice.base)

    def with_steps(self, steps: int) -> Self:
        """The coding with this T; `spikes` and `wait` are limited to it."""
        wait = None if self.wait is None else min(self.wait, steps)
        return replace(self, T=steps, spikes=min(self.spikes, steps), wait=wait)

    def bases(self) -> tuple[float, ...]:
        """Bases around that of the paper's formula."""
        middle = float(self.with_base("auto").Q)
        return tuple(sorted({min(round(middle**power, 3), _HIGHEST_BASE) for power in _POWERS}))

    def same_range(self, choice: LayerSettings) -> LayerSettings:
        """Q^(T / steps)."""
        steps = choice.steps or self.T
        if steps == self.T:
            return choice
        base = float(self.Q if choice.base is None else choice.base) ** (self.T / steps)
        return replace(choice, base=min(round(base, 3), _HIGHEST_BASE))

    @property
    def per_layer_levels(self) -> bool:
        """Whether neurons send one spike and round."""
        return self.rounds and self.levels is None

    @property
    def has_own_levels(self) -> bool:
        """Whether `levels` is set."""
        return self.levels is not None

    def spike_limit(self, layer: LayerSettings) -> int:  # noqa: ARG002
        """`spikes`, independent of the number of steps of a layer."""
        return self.spikes

    def coarseness(self, steps: int) -> float | None:
        """T^-2: the distance of levels over the same range is inversely proportional to their number; only for one
        spike.
        """
        return float(steps) ** -2 if self.spikes == 1 else None

    @property
    def rounds(self) -> bool:
        """Whether the single spike has the level nearest to the potential."""
        return self.shift and self.spikes == 1

    def best_base(self, mean: Array, deviation: Array) -> float:
        """The Q with the least MAPE over channels with pre-activations N(mean, deviation²), in units of the scale."""
        return best_base(self._code_at, mean, deviation)

    @property
    def steps(self) -> int:
        """T."""
        return self.T

    @property
    def bits(self) -> int:
        """Bits of the number of ways to send 0 to `spikes` spikes in T phases; T + 1 ways for one spike."""
        return math.ceil(math.log2(sum(math.comb(self.T, sent) for sent in range(self.spikes + 1))))

    @property
    def interval(self) -> int:
        """T: n samples in a pipeline take L w + n T steps (section V-C2)."""
        return self.T

    def latency(self, layers: int) -> int:
        """L w + T: each layer starts w phases after the one before (section V-C2)."""
        return layers * (self.wait or self.T) + self.T

    def _code_at(self, base: float) -> Callable[[Array], Array]:
        return replace(self, Q=base, levels=None).code

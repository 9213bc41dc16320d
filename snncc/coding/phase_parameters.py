# SPDX-License-Identifier: Apache-2.0
"""Parameters of phase coding, and the layer settings, steps and times derived from them."""

from __future__ import annotations

import functools
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
# Parameters without effect on the best base.
_PLAIN: dict[str, Any] = {"levels": None, "fine": None, "wait": None, "input": "analog"}
_POWERS = tuple(step / 20 for step in range(10, 26))  # of the paper's base
_LEVELS = Setting(
    "What spikes are worth: powers of the same Q everywhere; of a Q for each layer behind a BatchNormalization, by its "
    "mean and deviation; or fitted to each layer's activations; auto: fitted where --calib is given and Q is not, and "
    "a second spike in layers where it removes most error.  [default: auto; tune: whatever leaves less error]",
    str,
    LEVELS,
)
_BUDGET = Setting(
    "Spikes that a neuron may send on average; layers where a second one lowers the error most for its cost send two.  "
    "[default with --levels auto: a tenth more than one spike takes, or what the error needs]",
    float,
    above=0,
    metavar="SPIKES",
)


@dataclass(frozen=True)
class PhaseParameters(Coding):
    """Parameters and declaration of `Phase`."""

    name: ClassVar[str] = "phase"
    title: ClassVar[str] = "Phase coding, one spike per neuron"
    help_order: ClassVar[tuple[str, ...]] = ("T", "Q", "levels", "spikes", "wait")
    arguments: ClassVar[Mapping[str, Setting]] = {"levels": _LEVELS, "spike_budget": _BUDGET}
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
        "auto",
        "Base of the levels Q^-p, 1 < Q <= 2; auto: levels fitted to the layers, or, without --calib, the base with "
        "the least mean absolute percentage error at T.",
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
    fine: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.spikes <= self.T:
            raise OptionError(f"spikes is {self.spikes}, but a neuron may send 1 to T = {self.T} spikes")
        if self.wait is not None:
            self._check_wait(self.wait)
        self._check_levels()
        lowest = 2.0 if self.input == "binary" else self.base
        if lowest ** (1 - self.T) < _LOWEST:
            whose = "the binary code of the input has a level" if self.input == "binary" else "there is a level"
            remedy = ", or --input analog (input='analog')" if self.input == "binary" else ""
            raise OptionError(
                f"T is {self.T}, but {whose} {lowest:g}^{1 - self.T}, which float32 cannot tell from 0; take fewer "
                f"phases{remedy}"
            )

    def _check_levels(self) -> None:
        if self.fine is not None:
            object.__setattr__(self, "fine", checked_levels(self.fine, len(self.fine), "fine"))
            if self.levels is None or self.spikes != 2:
                raise OptionError("fine levels are for the second of two spikes; give levels, and spikes=2")
        if self.levels is not None:
            coarse = self.T - len(self.fine or ())
            what = "T" if self.fine is None else "T minus the number of fine levels"
            object.__setattr__(self, "levels", checked_levels(self.levels, coarse, what))
            if not self.rounds and self.fine is None:
                raise OptionError("levels that are no powers are for one spike that rounds; leave out spikes and shift")

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
        """All parameters, as JSON values; `levels` and `fine` only where there are any, and a Q that is a number."""
        given = {**super().parameters(), "Q": self.base}
        return {key: value for key, value in given.items() if key not in ("levels", "fine") or value is not None}

    def of_layer(self, choice: LayerSettings) -> Self:
        """The coding with the layer's own phases, and base or levels."""
        steps = choice.steps or self.T
        coding = self if steps == self.T else replace(self, T=steps, levels=None, fine=None)
        if choice.levels is not None:
            spikes = self.spikes if choice.fine is None else 2
            return replace(coding, levels=choice.levels, fine=choice.fine, spikes=spikes)
        return coding if choice.base is None else replace(coding, Q=choice.base)

    def with_steps(self, steps: int) -> Self:
        """The coding with this T; `spikes` and `wait` are limited to it."""
        wait = None if self.wait is None else min(self.wait, steps)
        return replace(self, T=steps, spikes=min(self.spikes, steps), wait=wait)

    def bases(self) -> tuple[float, ...]:
        """Bases around that of the paper's formula."""
        middle = self.with_base("auto").base
        return tuple(sorted({min(round(middle**power, 3), _HIGHEST_BASE) for power in _POWERS}))

    def same_range(self, choice: LayerSettings) -> LayerSettings:
        """Q^(T / steps)."""
        steps = choice.steps or self.T
        if steps == self.T:
            return choice
        base = (self.base if choice.base is None else choice.base) ** (self.T / steps)
        return replace(choice, base=min(round(base, 3), _HIGHEST_BASE))

    @property
    def two_spikes(self) -> Self | None:
        """With two spikes, if it sends one that rounds, after all of its input has arrived."""
        return replace(self, spikes=2) if self.rounds and self.slices == 1 and self.T > 1 else None

    @property
    def fine_spikes(self) -> bool:
        """Whether `fine` is set."""
        return self.fine is not None

    @property
    def first_spike(self) -> Self:
        """Half of the phases, or one more than that."""
        return self if self.spikes == 1 else replace(self, T=self.T - self.T // 2, spikes=1)

    @property
    def base(self) -> float:
        """Q; the one with the least MAPE if it is `auto`."""
        return _best_base(replace(self, Q=2.0, **_PLAIN)) if self.Q == "auto" else float(self.Q)

    @property
    def levels_with_data(self) -> str | None:  # type: ignore[override]
        """Fitted ones, if Q is `auto` and neurons round."""
        return "fitted" if self.Q == "auto" and self.per_layer_levels else None

    @property
    def coarse(self) -> Self:
        """The code of the first spike, if the second has fine levels; else the same code."""
        return self if self.fine is None else replace(self, T=len(self.levels or ()), fine=None, spikes=1)

    def code_for_scale(self, activations: Array) -> Array:
        """The first spike's, since the second only codes what that leaves."""
        return self.coarse.code(activations)

    @property
    def per_layer_levels(self) -> bool:
        """Whether neurons send one spike and round, or a second one for what that leaves."""
        return self.shift and self.spikes <= 2 and self.levels is None

    @property
    def has_own_levels(self) -> bool:
        """Whether `levels` is set."""
        return self.levels is not None

    def spike_limit(self, layer: LayerSettings) -> int:
        """`spikes`, independent of the number of steps of a layer; 2 in one with fine levels."""
        return self.spikes if layer.fine is None else 2

    def coarseness(self, steps: int) -> float | None:
        """T^-2: the distance of levels over the same range is inversely proportional to their number; T^-4 with fine
        levels, half of T each; None for several spikes by one table.
        """
        return float(steps) ** (-4 if self.fine_spikes else -2) if self.spikes == 1 or self.fine_spikes else None

    @property
    def rounds(self) -> bool:
        """Whether the single spike has the level nearest to the potential."""
        return self.shift and self.spikes == 1

    def best_base(self, mean: Array, deviation: Array) -> float:
        """The Q with the least MAPE over channels with pre-activations N(mean, deviation²), in units of the scale."""
        return best_base(self.code_at, mean, deviation)

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

    def code_at(self, base: float) -> Callable[[Array], Array]:
        """The code with powers of this base."""
        return replace(self, Q=base, levels=None, fine=None).code


@functools.lru_cache
def _best_base(coding: PhaseParameters) -> float:
    return best_base(coding.code_at)

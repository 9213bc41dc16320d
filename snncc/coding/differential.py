# SPDX-License-Identifier: Apache-2.0
"""Differential coding: at each step a neuron sends what its receivers lack, as one signed level.

Multi-threshold neurons of Huang et al.; tables of levels for each time step are an extension. All layers run in the
same step. Receivers sum what they receive, so that after each step they have estimates of all activations, and the
network has an output, which becomes more exact from step to step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from snncc.coding.base import Coding, add_neuron
from snncc.coding.expected_parameters import differential
from snncc.coding.phase_tables import midpoints
from snncc.coding.scales import LayerSettings
from snncc.coding.settings import OVER_TIME, Setting, setting
from snncc.errors import OptionError
from snncc.ir.graph import Graph, Tensor
from snncc.ops.arrays import Array
from snncc.ops.differential import DIFFERENTIAL

__all__ = ["Differential"]

_MOST_STEPS = 12
_MOST_LEVELS = 32
_FEW_STEPS = 3  # up to which finer levels are worth their bits
_LEVELS = Setting(
    "What spikes are worth: powers of 2, or levels fitted to what each layer has to send at each step.  [default: "
    "auto, fitted with --calib, else powers]",
    str,
    ("auto", "powers", "fitted"),
)


@dataclass(frozen=True)
class Differential(Coding):
    """Differential coding over T time steps.

    Args:
        T: Number of time steps, 1 to 12.
        n: Number of levels of each sign, 1 to 32; None: 8, or 16 for T <= 3.
        levels: Positive levels in units of the scale, descending: n numbers, or n for each of the T steps in a row;
            None: 2^0 ... 2^(1-n).

    Raises:
        OptionError: a parameter is out of its range.
    """

    name: ClassVar[str] = "differential"
    title: ClassVar[str] = "Differential coding, signed spikes of several levels"
    help_order: ClassVar[tuple[str, ...]] = ("T", "n", "levels", "anytime")
    arguments: ClassVar[Mapping[str, Setting]] = {"levels": _LEVELS, "anytime": OVER_TIME["anytime"]}
    rows_are_estimates: ClassVar[bool] = True
    codes_values: ClassVar[bool] = True
    levels_with_data: ClassVar[str | None] = "fitted"
    signed_neurons: ClassVar[bool] = True
    matches_potentials: ClassVar[bool] = False  # they converge by themselves: it removes 3 % of the squared error
    steps_field: ClassVar[str] = "T"
    steps_grid: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 6, 8)
    steps_curve: ClassVar[tuple[int, ...]] = tuple(range(1, _MOST_STEPS + 1))
    T: int = setting(
        3,
        "Number of time steps.",
        least=1,
        most=_MOST_STEPS,
        refusal=f"T is {{}}, but differential coding takes 1 to {_MOST_STEPS} time steps; 2 to 4 are usual",
    )
    n: int | None = setting(
        None,
        f"Levels of a spike, of each sign, 1 to {_MOST_LEVELS}.  [default: 8, or 16 for T <= {_FEW_STEPS}]",
        least=1,
        most=_MOST_LEVELS,
        refusal=f"n is {{}}, but a spike has 1 to {_MOST_LEVELS} levels; 8 are usual",
        metavar="N",
    )
    levels: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels is not None:
            object.__setattr__(self, "levels", self._checked(self.levels))

    def _checked(self, levels: Any) -> tuple[float, ...]:
        """`levels` as numbers.

        Raises:
            OptionError: they are not n, or n for each step, or not positive and descending.
        """
        try:
            found = np.asarray(levels, np.float64).reshape(-1)
        except (TypeError, ValueError) as error:
            raise OptionError(f"levels are {levels!r}, but they must be numbers") from error
        if found.size not in (self.size, self.size * self.T):
            raise OptionError(f"there are {found.size} levels, but a table has n = {self.size}, for one or all T steps")
        tables = found.astype(np.float32).reshape(-1, self.size)
        if not (np.isfinite(tables).all() and (tables > 0).all() and (np.diff(tables, axis=1) <= 0).all()):
            raise OptionError("levels must be positive, finite and descending in the table of each step")
        return tuple(found.tolist())

    @property
    def size(self) -> int:
        """Levels of each sign in a table."""
        return self.n or (16 if self.T <= _FEW_STEPS else 8)

    @property
    def levels_per_step(self) -> int:
        """n."""
        return self.size

    @property
    def per_layer_levels(self) -> bool:
        """Whether `levels` is not set."""
        return self.levels is None

    @property
    def has_own_levels(self) -> bool:
        """Whether `levels` is set."""
        return self.levels is not None

    def tables(self) -> npt.NDArray[np.float64]:
        """Levels of each step, descending, [T, n]."""
        given = 2.0 ** -np.arange(self.size) if self.levels is None else np.asarray(self.levels)
        return np.broadcast_to(given.reshape(-1, self.size), (self.T, self.size))

    def attributes(self, *, signed: bool = False) -> dict[str, Any]:
        """Attributes of a DifferentialNeuron: thresholds are midpoints of levels, computed in float64."""
        tables = self.tables()
        thresholds = np.stack([midpoints(table) for table in tables])
        rounded = {"levels": tables, "thresholds": thresholds}
        floats = {name: table.astype(np.float32).ravel().tolist() for name, table in rounded.items()}
        return {"steps": self.T, "tables": self.T, **floats, "signed": int(signed)}

    def parameters(self) -> dict[str, Any]:
        """All parameters, as JSON values; `n` as a number, `levels` only where there are any."""
        given = {**super().parameters(), "n": self.size}
        return {key: value for key, value in given.items() if key != "levels" or value is not None}

    def of_layer(self, choice: LayerSettings) -> Self:
        """The coding with the layer's own levels."""
        return self if choice.levels is None else replace(self, levels=choice.levels)

    def with_steps(self, steps: int) -> Self:
        """The coding with this T, without levels of single steps."""
        return replace(self, T=steps, levels=None)

    def neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """DifferentialNeuron."""
        return add_neuron(graph, DIFFERENTIAL.name, potential, scale, self.attributes(), name)

    def signed_neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """DifferentialNeuron without a ReLU."""
        return add_neuron(graph, DIFFERENTIAL.name, potential, scale, self.attributes(signed=True), name)

    @property
    def slices(self) -> int:
        """T steps."""
        return self.T

    @property
    def largest(self) -> float:
        """The largest level at every step."""
        return float(self.tables()[:, 0].sum())

    def code(self, activations: Array) -> Array:
        """The estimate after T steps, if the potential is complete from the first step on."""
        return self._estimate(activations, self.T)

    def code_for_scale(self, activations: Array) -> Array:
        """The estimate after the first step; later ones refine it on any scale."""
        return self._estimate(activations, 1)

    def expected_attributes(self, op: str, form: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Levels and thresholds of each step."""
        return differential(self.T, self.size, self.levels, form)

    def expected_encoder(self, op: str, form: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """As for all neurons."""
        return self.expected_attributes(op, form)

    @property
    def table_source(self) -> str:
        """Levels, if given, else T and n."""
        return "its levels" if self.levels is not None else "T and n"

    def _estimate(self, activations: Array, steps: int) -> Array:
        x = np.tile(activations.astype(np.float32).reshape(1, -1), (steps, 1))
        one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
        inputs: list[Array] = [x, one, zero, np.zeros(1, np.int64)]
        sent = DIFFERENTIAL.reference(inputs, {**self.attributes(), "steps": steps})[0]
        return np.asarray(sent[-1].astype(np.float64).reshape(activations.shape))

    @property
    def steps(self) -> int:
        """T."""
        return self.T

    @property
    def bits(self) -> int:
        """Bits of an activation: n + 1 values in the first step, 2n + 1 in each later one."""
        return math.ceil(math.log2(self.size + 1) + (self.T - 1) * math.log2(2 * self.size + 1))

    @property
    def interval(self) -> int:
        """T: all layers complete a sample at the same time."""
        return self.T

    def latency(self, layers: int) -> int:  # noqa: ARG002
        """T: spikes pass through all layers within a step."""
        return self.T

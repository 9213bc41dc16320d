# SPDX-License-Identifier: Apache-2.0
"""Declaration of a coding for the command line, sweeps, tuning, checks, evaluation and report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Literal, Self

from snncc.coding.scales import LayerSettings, WantedConfidence
from snncc.coding.settings import Setting, check_settings
from snncc.ops.arrays import Array

__all__ = ["Declaration"]


class Declaration(ABC):
    """The part of a coding that is not its arithmetic; features that are not declared here are not available."""

    name: ClassVar[str]
    # What the coding is called where its options are listed.
    title: ClassVar[str] = ""
    # The options that the help lists first, in this order, by name; else they stand in the order of the fields.
    help_order: ClassVar[tuple[str, ...]] = ()
    # Arguments of `convert` that only some codings support, among them this one.
    arguments: ClassVar[Mapping[str, Setting]] = {}
    # The field with the number of time steps, numbers worth trying, from few to many, and those to draw, if others.
    steps_field: ClassVar[str] = ""
    steps_grid: ClassVar[tuple[int, ...]] = ()
    steps_curve: ClassVar[tuple[int, ...]] = ()
    # How the error over these numbers is drawn.
    error_axis: ClassVar[Literal["linear", "log"]] = "linear"
    # The field with the base of the levels; `auto`: the base that suits the number of steps.
    base_field: ClassVar[str] = ""
    # Whether the evaluation counts the spikes of neurons whose ReLU gives 0 (SIN).
    counts_inactivated_spikes: ClassVar[bool] = False

    # In single steps of neurons that send one value: the steps that a layer waits for its input; None: for all of it.
    wait: int | None = None

    # How the stacked slices of the output's potential become the output: their `mean`, or the `last` one.
    readout: ClassVar[str] = "last"
    # Whether each of the stacked steps has an estimate of the whole value, so that any op can be applied to it.
    rows_are_estimates: ClassVar[bool] = False
    # Whether neurons code values of any op that synapses read, in each of these steps.
    codes_values: ClassVar[bool] = False
    # Whether mean and deviation of potentials are matched to those of the ReLU network, if there is calibration data.
    matches_potentials: ClassVar[bool] = True
    # Which levels layers have if `levels` is not given and activations are counted; None: those of the coding.
    levels_with_data: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    @abstractmethod
    def steps(self) -> int:
        """Time steps in which a neuron may fire for one sample."""

    @property
    def slices(self) -> int:
        """The number of slices of a value on the batch axis: its time steps, or 1 if it is not divided."""
        return 1

    def parameters(self) -> dict[str, Any]:
        """All parameters, as JSON values, for the model's metadata."""
        return {"name": self.name, **asdict(self)}  # type: ignore[call-overload]

    def usual_values(self) -> dict[str, Any]:
        """Fields whose default depends on the other fields, with that default."""
        return {}

    def with_steps(self, steps: int) -> Self:
        """The coding with this number of time steps; only for codings with a `steps_field`."""
        return replace(self, **{self.steps_field: steps})  # type: ignore[type-var]

    def with_base(self, base: float | str) -> Self:
        """The coding with another base (`auto`: the best for the number of steps); unchanged if it has none."""
        return replace(self, **{self.base_field: base}) if self.base_field else self  # type: ignore[type-var]

    @property
    def base(self) -> float | None:
        """The base of the levels; None if they are not powers."""
        return float(getattr(self, self.base_field)) if self.base_field else None

    def bases(self) -> tuple[float, ...]:
        """Candidate bases for one layer."""
        return ()

    def best_base(self, mean: Array, deviation: Array) -> float:
        """The base for channels with pre-activations N(mean, deviation²); only for codings with a `base_field`."""
        raise NotImplementedError

    def same_range(self, choice: LayerSettings) -> LayerSettings:
        """Per-layer settings with a base such that the layer's steps cover the range of the default number of steps."""
        return choice

    @property
    def levels_per_step(self) -> int:
        """The number of levels of a spike, for each time step; 0: levels are not fitted to single steps."""
        return 0

    @property
    def two_spikes(self) -> Self | None:
        """The coding with a second spike for what the first leaves, in as many steps; None if there is none."""
        return None

    @property
    def fine_spikes(self) -> bool:
        """Whether neurons send a second spike with fine levels."""
        return False

    @property
    def first_spike(self) -> Self:
        """The coding without the steps of a second spike with fitted levels."""
        return self

    @property
    def per_layer_levels(self) -> bool:
        """Whether levels can be fitted to the activations of each layer."""
        return False

    @property
    def has_own_levels(self) -> bool:
        """Whether the levels of all layers were given."""
        return False

    @property
    def spike_confidence(self) -> WantedConfidence | None:
        """The early spikes whose confidence is to be measured; None: none."""
        return None

    def spike_limit(self, layer: LayerSettings) -> int:
        """The maximum number of spikes of a neuron of such a layer for one sample."""
        return layer.steps or self.steps

    @property
    def answers_every_step(self) -> bool:
        """Whether the network has an output after every time step."""
        return self.slices > 1 and (self.readout == "mean" or self.rows_are_estimates)

    def rows(self, form: str) -> int | None:
        """Time steps in the rows of a network in this form; None if the coding does not declare it."""
        over_time = self.slices == self.steps and (self.readout == "mean" or self.rows_are_estimates)
        return self.slices if form == "folded" or over_time else None

    def expected_attributes(self, op: str, form: Mapping[str, Any]) -> Mapping[str, Any] | None:  # noqa: ARG002
        """Expected attributes of a neuron `op` of a ReLU in a form; None: compare its reference with `code`.

        Attributes that `op` lacks are ignored; under the key `op`, the name of the op itself may be given. Formulas
        should not call the code that makes the neuron.
        """
        return None

    def expected_encoder(
        self,
        op: str,  # noqa: ARG002
        form: Mapping[str, Any],  # noqa: ARG002
        given: Mapping[str, Any],  # noqa: ARG002
    ) -> Mapping[str, Any] | None:
        """As `expected_attributes`, for a neuron with attributes `given` that replaces no ReLU; None: not checked."""
        return None

    @property
    def table_source(self) -> str:
        """What messages say that tables follow from."""
        return "the coding's parameters"

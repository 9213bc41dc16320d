# SPDX-License-Identifier: Apache-2.0
"""The origin of each layer's levels, and whether layers may send a second spike, for given options and coding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snncc.coding import Coding
from snncc.coding.scales import LEVELS
from snncc.compiler.options import ConversionOptions
from snncc.compiler.tuning.step_sharing import can_share
from snncc.errors import OptionError

__all__ = ["LevelChoice", "level_choice"]


@dataclass(frozen=True)
class LevelChoice:
    """How levels are chosen.

    Attributes:
        kind: One of `LEVELS` other than `auto`; None: powers of the coding's base or, with `tune`, the better ones.
        second_spikes: Whether some layers may send a second spike.
        shared_steps: Whether layers share their time steps.
        budget: Mean number of spikes of a neuron; None: chosen by the error.
    """

    kind: str | None = None
    second_spikes: bool = False
    shared_steps: bool = False
    budget: float | None = None

    def recorded(self) -> dict[str, Any]:
        """For the metadata: the kind, if there is one, and the budget, if there are second spikes."""
        kind = {} if self.kind is None else {"levels": self.kind}
        return kind | ({"spike_budget": self.budget} if self.second_spikes and self.kind else {})


def level_choice(options: ConversionOptions, coding: Coding, *, data: bool) -> LevelChoice:
    """The choice for `options`; `auto` means fitted levels where a Q was not given and there is calibration `data`.

    Raises:
        OptionError: layers with `coding` cannot have such levels.
    """
    counted = data and options.scale != "max"
    if options.levels in (None, "auto"):
        fitting = data if coding.levels_per_step else counted and not options.tune
        kind = coding.levels_with_data if fitting and not coding.has_own_levels else None
    else:
        kind = options.levels
        _refuse(kind, coding, tune=options.tune, counted=counted)
    if coding.has_own_levels and (options.tune or kind is not None):
        raise OptionError(
            "the coding has levels of its own, for all layers; leave out either these or the choice of others"
        )
    if options.form in ("loop", "step") and (coding.fine_spikes or (kind == "fitted" and coding.first_spike != coding)):
        raise OptionError("a second spike with fine levels exists in the folded form only; leave out --form")
    fits = counted and coding.levels_with_data == "fitted" and kind in (None, "fitted")
    possible = fits and coding.two_spikes is not None and options.form in ("auto", "folded")
    if options.spike_budget is not None and not possible:
        raise OptionError(
            "a budget of spikes is for phase coding of one spike with fitted levels, in the folded form: "
            "give --calib, and leave out --Q, --spikes, --wait, --no-shift and other --levels, --scale max and --form"
        )
    automatic = options.levels in (None, "auto")
    second = possible and (automatic or options.spike_budget is not None)
    return LevelChoice(
        kind, second, _shared_steps(options, coding, automatic and fits, data=data), options.spike_budget
    )


def _shared_steps(options: ConversionOptions, coding: Coding, automatic: bool, *, data: bool) -> bool:
    """Whether layers share their steps."""
    single = options.form in ("loop", "step")
    if options.share_steps is None:
        return automatic and can_share(coding) and not single
    if not options.share_steps:
        return False
    if not data:
        raise OptionError("layers share steps by the errors that calibration data show; give some (--calib)")
    if not can_share(coding):
        raise OptionError("only layers that wait for all of their input, with phase or few-spikes coding, share steps")
    if single:
        raise OptionError(
            f"layers of a network in the form '{options.form}' all have the same steps; leave out --share-steps"
        )
    return True


def _refuse(kind: str, coding: Coding, *, tune: bool, counted: bool) -> None:
    choices = coding.arguments["levels"].choices if "levels" in coding.arguments else LEVELS
    if kind not in choices or "levels" not in coding.arguments:
        message = f"levels are '{kind}', but must be one of {', '.join(choices)}"
        raise OptionError(f"{message}; only phase and differential coding have any")
    if coding.has_own_levels or (kind == "fitted" and coding.levels_per_step):
        return
    if kind == "fitted" and not coding.per_layer_levels:
        raise OptionError("fitted levels are for one or two spikes that round; leave out --no-shift and more --spikes")
    if kind == "fitted" and coding.levels_with_data != "fitted":
        raise OptionError(f"levels are either fitted or powers of {coding.base_field}; leave out one of the two")
    if kind == "fitted" and not counted:
        raise OptionError("levels are fitted to activations that were counted: give --calib, and no --scale max")
    if kind == "batchnorm" and tune:
        raise OptionError("tuning chooses the bases of layers itself; leave out either the one or the other")

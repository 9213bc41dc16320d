# SPDX-License-Identifier: Apache-2.0
"""The table of the options that belong to codings: which of them have it, what it says there, and what it sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from snncc.coding.scales import LEVELS

__all__ = ["OPTIONS", "TITLES", "CodingOption"]

TITLES = {
    "phase": "Phase coding, one spike per neuron",
    "fs": "Few-spikes coding",
    "rate": "Rate coding, integrate-and-fire neurons",
    "msat": "Rate coding with multi-stage adaptive thresholds",
}


class _OrAuto(click.ParamType):  # type: ignore[type-arg]
    """A number, or `auto`."""

    def __init__(self, number: type[int] | type[float]) -> None:
        self.number = number
        self.name = f"{number.__name__} or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the word itself."""
        try:
            return value if value == "auto" else self.number(value)
        except ValueError:
            return self.fail(f"'{value}' is neither a number nor 'auto'", param, ctx)


@dataclass(frozen=True)
class CodingOption:
    """An option of some codings.

    Attributes:
        flag: As it is written.
        helps: What it means, by coding; a coding that is not in it does not have the option.
        kind: Click's type; None: a flag without a value.
        renamed: The field of the coding that it sets, if that has another name.
        sets: What a flag sets it to, by coding, if not to True.
        of_network: Whether it is no field of the coding, but an argument of `snncc.convert`.
        metavar: What help shows for the value.
        needs: The field without which it means nothing.
    """

    flag: str
    helps: Mapping[str, str]
    kind: Any = None
    renamed: str = ""
    sets: Mapping[str, Any] = field(default_factory=dict)
    of_network: bool = False
    metavar: str | None = None
    needs: str = ""

    @property
    def name(self) -> str:
        """The parameter's name in Python."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def target(self) -> str:
        """The field, or argument, that it sets."""
        return self.renamed or self.name

    def value(self, coding: str, given: Any) -> Any:
        """What it sets, from what was given."""
        return self.sets.get(coding, given)


def _both(codings: str, text: str) -> dict[str, str]:
    return dict.fromkeys(codings.split(), text)


_THRESHOLD = {
    "--k-a": "Height of the threshold's soft step.",
    "--k-i": "Width of that step.",
    "--C": "How fast an input lowers the threshold.",
    "--tau-mp": "Weight of the dynamic tracking threshold (DTT); 0: the evoked one alone.",
    "--tau-rd": "Weight of the dynamic evoked threshold (DET); 0: the tracking one alone.",
    "--V-T": "Offset of the tracking threshold.",
}

OPTIONS = (
    CodingOption("--T", {"phase": "Number of phases.", **_both("rate msat", "Number of time steps.")}, int),
    CodingOption(
        "--Q",
        {"phase": "Base of the levels Q^-p, 1 < Q <= 2; auto: with the least mean absolute percentage error at T."},
        _OrAuto(float),
        metavar="[auto|Q]",
    ),
    CodingOption(
        "--levels",
        {
            "phase": "What spikes are worth: powers of the same Q everywhere; of a Q for each layer behind a "
            "BatchNormalization, by its mean and deviation; or fitted to each layer's activations.  [default: powers; "
            "tune: whatever leaves less error]"
        },
        click.Choice(LEVELS),
        of_network=True,
    ),
    CodingOption("--K", {"fs": "Time steps, and most spikes, of a neuron."}, int),
    CodingOption("--spikes", {"phase": "Spikes that a neuron may send, 1 to T."}, int, metavar="N"),
    CodingOption(
        "--wait",
        {
            "phase": "Phases that a layer waits for its input before it fires, 1 to T; T, the default, misses nothing.",
            "rate": "T: a layer waits for all its input before it fires. By default none waits.",
        },
        int,
        metavar="W",
    ),
    CodingOption("--preset", {"msat": "Parameters of the threshold."}, click.Choice(["vgg16", "resnet20", "resnet34"])),
    CodingOption(
        "--alpha",
        {
            "fs": "Largest value that is coded, in units of the activations (the paper: 25).  "
            "[default: each neuron's scale]",
            "msat": "Slope of the threshold over the potential.  [default: preset's]",
        },
        float,
    ),
    *(CodingOption(flag, {"msat": f"{text}  [default: preset's]"}, float) for flag, text in _THRESHOLD.items()),
    CodingOption(
        "--threshold-scale",
        _both("rate msat", "Factor of all thresholds; below 1, larger activations are clipped.  [default: 1]"),
        float,
        of_network=True,
        metavar="F",
    ),
    CodingOption(
        "--shift",
        {"rate": "Half a threshold, against flooring: at the start, a bit at each step, or not at all."},
        click.Choice(["init", "bias", "none"]),
    ),
    CodingOption(
        "--no-shift",
        {
            "phase": "Floor to a level instead of rounding to the nearest.",
            "fs": "Floor to a multiple of the last step instead of rounding.",
            "rate": "The same as --shift none.",
        },
        renamed="shift",
        sets={"phase": False, "fs": False, "rate": "none"},
    ),
    CodingOption("--signed", {"rate": "Neurons may take back spikes that they have sent."}),
    CodingOption(
        "--confidence",
        {
            "msat": "Probability that a spike of the first steps survives; auto: measured on --calib.  "
            "[default: all survive]"
        },
        _OrAuto(float),
        metavar="[auto|P]",
    ),
    CodingOption(
        "--early",
        {"msat": "Number of those first steps; auto: measured on --calib."},
        _OrAuto(int),
        metavar="[auto|N]",
        needs="confidence",
    ),
    CodingOption(
        "--confidence-layers",
        {"msat": "Layers that it holds for."},
        click.Choice(["last", "all"]),
        needs="confidence",
    ),
    CodingOption("--seed", {"msat": "Seed of the draws of surviving spikes."}, int, metavar="N", needs="confidence"),
    CodingOption(
        "--input",
        {
            "phase": "How the network's input is coded.",
            "fs": "How the network's input is coded; one: not here.",
        },
        click.Choice(["binary", "one", "analog"]),
    ),
    CodingOption(
        "--anytime",
        _both("rate msat", "Give the outputs after every time step, [T, N, ...], instead of the last ones."),
        of_network=True,
    ),
)

# SPDX-License-Identifier: Apache-2.0
"""Output of `--max-drop`: a table of the candidates that were tried, and the network that was accepted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.coding_parser import given_options
from snncc.cli.output import number, print_table, print_text
from snncc.errors import OptionError

if TYPE_CHECKING:
    import onnx

    from snncc.coding import Coding
    from snncc.tools.accuracy_budget import Trial

__all__ = ["within_drop"]


def within_drop(
    ctx: click.Context, model: Path, coding: Coding, max_drop: float, arguments: dict[str, Any], *, as_json: bool
) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    """Convert with the first candidate that loses no more than `max_drop`; prints and returns all trials.

    Time steps and base that were given stay as they are.
    """
    from snncc.tools.accuracy_budget import candidates, convert_within

    if arguments["calibration"] is None:
        raise OptionError("--max-drop is measured on calibration data; give --calib, best with labels")
    given = {option.target for option in given_options(ctx)}
    codings = candidates(coding, steps=coding.steps_field not in given, base=coding.base_field not in given)
    trials: list[Trial] = []
    try:
        converted = convert_within(model, codings, max_drop, tried=trials.append, **arguments)
    finally:
        if trials and not as_json:
            _print(trials, tuned=arguments["tune"])
    return converted, [asdict(trial) | {"coding": trial.coding.parameters()} for trial in trials]


def _print(trials: list[Trial], *, tuned: bool) -> None:
    rows = []
    for trial in trials:
        own = {
            name: getattr(trial.coding, name) for name in (trial.coding.steps_field, trial.coding.base_field) if name
        }
        letters = ", ".join(f"{name}={value:g}" for name, value in own.items())
        recipe = (
            f"percentile {trial.percentile:g}" if trial.percentile else f"{trial.levels} levels" if trial.levels else ""
        )
        recipe = recipe or ("tuned" if tuned else "as given")
        rows.append((letters, recipe, f"{trial.drop:.2f}", number(trial.spikes_per_neuron)))
    print_table("Recipes tried", ("time steps", "scales and levels", "drop", "spikes per neuron"), rows)
    if not trials[0].labelled:
        print_text("The calibration data has no labels: drop is the share of samples answered unlike MODEL, in points.")

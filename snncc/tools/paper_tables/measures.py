# SPDX-License-Identifier: Apache-2.0
"""Measures in the columns of the papers' tables, as cells of text."""

from __future__ import annotations

from collections.abc import Callable

from snncc.coding import Coding
from snncc.evaluation.energy import INT8
from snncc.evaluation.inactivated_spikes import InactivatedSpikes
from snncc.evaluation.result import Evaluation

__all__ = ["MEASURES"]


def _text(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else format(value, form)


def _of(pair: tuple[float, float] | None, place: int) -> str:
    return "" if pair is None else f"{pair[place]:.2f}"


def _ratio(sin: InactivatedSpikes | None) -> float | None:
    """Share of the last layer's neurons with SIN."""
    return sin.layers[-1].firing / sin.layers[-1].neurons if sin else None


def _ans(sin: InactivatedSpikes | None) -> float | None:
    """SIN of the last layer for each neuron that has any."""
    return sin.layers[-1].spikes / sin.layers[-1].firing if sin and sin.layers[-1].firing else None


MEASURES: dict[str, Callable[[Coding, Evaluation], str]] = {
    "coding": lambda coding, _: coding.name,
    "steps": lambda coding, _: str(coding.steps),
    "ann": lambda _, found: _of(found.top1, 0),
    "snn": lambda _, found: _of(found.top1, 1),
    "ann5": lambda _, found: _of(found.top5, 0),
    "snn5": lambda _, found: _of(found.top5, 1),
    "loss": lambda _, found: _text(found.drop),
    "neurons": lambda _, found: f"{found.neurons:,}",
    "spikes": lambda _, found: f"{found.spikes_per_neuron * found.neurons + found.input_spikes:,.0f}",
    "gain": lambda _, found: _text(found.energy.formula_gain()),
    "gain8": lambda _, found: _text(found.energy.formula_gain(INT8)),
    "sin": lambda _, found: _text(_ratio(found.sin), ".3f"),
    "ans": lambda _, found: _text(_ans(found.sin), ".3f"),
}

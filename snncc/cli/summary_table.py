# SPDX-License-Identifier: Apache-2.0
"""The conversion summary as a table, for `convert` and `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snncc.cli.output import number, print_table, print_text
from snncc.compiler.conversion_summary import outcome_rows

__all__ = ["print_levels", "print_outcome"]


def print_outcome(found: Mapping[str, Any] | None, spike_share: float | None) -> None:
    """Print the metadata entry snncc.outcome, which models of earlier versions lack, and the share of the
    multiply-accumulates that spikes drive, if it is known.
    """
    if found:
        share = [] if spike_share is None else [(f"{100 * spike_share:.4g} % of MACs", "driven by spikes")]
        rows = [*outcome_rows(found), *share]
        print_table("Conversion summary", ("in the network", "in the spiking network"), rows, right=False)


def print_levels(neurons: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what is particular to the layers of the metadata entry snncc.neurons: levels, second spikes, steps."""
    layers = [entry for entry in neurons.values() if entry["replaces"]]
    fitted = sum("levels" in entry for entry in layers)
    second = sum("fine" in entry for entry in layers)
    steps = [entry["steps"] for entry in layers if "steps" in entry]
    told = [f"levels fitted to {fitted} of {len(layers)} layers"] if fitted else []
    told += [f"a second spike in {second}"] if second else []
    if steps:
        told.append(f"{min(steps)} to {max(steps)} time steps a layer, {number(sum(steps) / len(steps))} on average")
    if told:
        print_text(f"Neurons: {', '.join(told)}.")

# SPDX-License-Identifier: Apache-2.0
"""Energy of the arithmetic of both networks: total, and per layer."""

from __future__ import annotations

from snncc.evaluation.result import Evaluation
from snncc.tools.report.figures.bars import bars, height
from snncc.tools.report.panels import Panel, Section

__all__ = ["section", "totals"]

_COLUMNS = ("layer", "ANN MACs", "SNN MACs", "additions", "ANN nJ", "SNN nJ")


def totals(found: Evaluation) -> dict[str, float]:
    """Energy of one sample in nanojoules, by counting method."""
    energy = found.energy
    listed = {"ANN": energy.ann() / 1e3}
    if found.steps is not None:
        listed[f"ANN of {found.steps.bits} bits"] = energy.few_bits(found.steps.bits) / 1e3
    listed["SNN"] = energy.snn() / 1e3
    for reuse in (True, False):
        memory = found.with_memory(reuse=reuse)
        if memory is not None:
            kind = "memory, reuse" if reuse else "memory, no reuse"
            listed |= {f"ANN, {kind}": memory.ann / 1e3, f"SNN, {kind}": memory.snn / 1e3}
    return listed


def _compared(gain: float | None) -> str:
    """The SNN's energy beside the ANN's, which is `gain` times as much."""
    if gain is None:
        return "takes no energy at all"
    if f"{gain:.3g}" == "1":
        return "takes as much energy as the ANN"
    times, less = (gain, "less") if gain > 1 else (1 / gain, "more")
    return f"takes {times:.3g} times {less} energy than the ANN"


def section(found: Evaluation) -> Section:
    """Panels of the whole network, then of its synaptic layers."""
    listed = totals(found)
    layers = found.energy.layers
    times = _compared(found.energy.gain())
    whole = Panel(
        "energy",
        "The whole network",
        f"Energy of one sample; by arithmetic alone the SNN {times}.",
        bars(list(listed), {"": list(listed.values())}, "nJ for one sample", log=True),
        height=height(len(listed)),
    )
    values = {"ANN": [x.ann() / 1e3 for x in layers], "SNN": [x.snn() / 1e3 for x in layers]}
    each = Panel(
        "energy-layers",
        "Each layer of synapses",
        "Energy of one sample in each layer of synapses, in the ANN and in the SNN.",
        bars([x.name for x in layers], values, "nJ for one sample"),
        height=height(len(layers)),
    )
    text = (
        f"Energy of arithmetic in 45 nm, 32 bit: 4.6 pJ a multiply-accumulate, 0.9 pJ an addition. The SNN {times}. "
        "With accesses to memory the picture is another one, for networks that reuse all that they read, to those that "
        "reuse nothing; so it is beside an ANN whose activations have as few bits as the code. Sums of spikes without "
        "weights, as at a residual, are in the table only."
    )
    rows = tuple(found.synapse_rows())
    return Section("energy", "Energy", text, (whole, each), (_COLUMNS, rows))

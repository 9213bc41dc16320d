# SPDX-License-Identifier: Apache-2.0
"""Metrics of operations and their energy, for 32-bit and for 8-bit arithmetic; JSON in nanojoules per sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from snncc.evaluation.energy import FLOAT32, INT8, Costs
from snncc.evaluation.metrics.metric import Metric, gain_text

if TYPE_CHECKING:
    from snncc.evaluation.memory_energy import MemoryEnergy
    from snncc.evaluation.result import Evaluation

__all__ = ["ENERGY"]


def _memory_json(total: MemoryEnergy | None) -> dict[str, float | None] | None:
    if total is None:
        return None
    return {
        "ann_nj": total.ann / 1e3,
        "few_bits_nj": total.few_bits / 1e3,
        "snn_nj": total.snn / 1e3,
        "gain": total.ann / total.snn if total.snn else None,
        "few_bits_gain": total.few_bits / total.snn if total.snn else None,
    }


def _of(
    name: str, title: str, gains: str, costs: Costs, shown: Callable[[Evaluation], bool]
) -> tuple[Metric[Any], ...]:
    """Energy and gains with these `costs`; the gain over an ANN of few bits, and gains with memory accesses."""
    key = f"energy.{name}"

    def few_bits(found: Evaluation) -> float | None:
        return None if found.steps is None else found.energy.few_bits(found.steps.bits, costs) / 1e3

    def memory_gains(found: Evaluation) -> list[str]:
        """With and without reuse by the ANN."""
        totals = [found.with_memory(costs, reuse=reuse) for reuse in (True, False)]
        return [f"{total.ann / total.snn:.2g}" for total in totals if total is not None and total.snn]

    return (
        Metric("", lambda f: (f.energy.ann(costs) / 1e6, f.energy.snn(costs) / 1e6), title, "µJ", ".4g", shown=shown),
        Metric(f"{key}.ann_nj", lambda found: found.energy.ann(costs) / 1e3),
        Metric(f"{key}.few_bits_nj", few_bits),
        Metric(f"{key}.snn_nj", lambda found: found.energy.snn(costs) / 1e3),
        Metric(f"{key}.gain", lambda f: f.energy.gain(costs), f"{gains}, counted", text=gain_text, shown=shown),
        Metric(
            f"{key}.formula_gain",
            lambda found: found.energy.formula_gain(costs),
            f"{gains}, formula",
            text=gain_text,
            shown=shown,
        ),
        Metric(
            f"{key}.few_bits_gain",
            lambda found: found.few_bits_gain(costs),
            "... over {found.steps.bits}-bit activations",
            text=gain_text,
            shown=lambda found: found.steps is not None and shown(found),
        ),
        Metric(
            "",
            memory_gains,
            "... with memory accesses",
            text=lambda gains: ("", f"{' to '.join(gains)} x"),
            shown=lambda found: len(memory_gains(found)) == 2 and shown(found),
        ),
        Metric(f"{key}.with_memory.reuse", lambda found: found.with_memory(costs, reuse=True), json=_memory_json),
        Metric(f"{key}.with_memory.no_reuse", lambda found: found.with_memory(costs, reuse=False), json=_memory_json),
    )


ENERGY: tuple[Metric[Any], ...] = (
    Metric("", lambda f: (f.energy.ann_macs, f.energy.analog_macs), "multiply-accumulates", form=","),
    Metric(
        "operations.spike_share",
        lambda found: found.energy.spike_share,
        "... driven by spikes",
        text=lambda share: ("", "" if share is None else f"{100 * share:.4g} %"),
    ),
    Metric("operations.ann_macs", lambda found: found.energy.ann_macs),
    Metric("operations.snn_macs", lambda found: found.energy.analog_macs),
    Metric(
        "operations.snn_synaptic", lambda found: found.energy.synaptic_operations, "additions by spikes", form=",.0f"
    ),
    Metric("operations.snn_synaptic_formula", lambda found: found.energy.formula_operations),
    Metric(
        "operations.snn_current",
        lambda found: found.energy.current_additions,
        "additions of currents",
        form=",",
        shown=lambda found: found.energy.current_additions > 0,
    ),
    Metric(
        "operations.snn_levels",
        lambda found: found.energy.level_macs,
        "multiplications by levels",
        form=",",
        shown=lambda found: found.energy.level_macs > 0,
    ),
    Metric("weights", lambda found: "int8" if found.energy.quantised else "float"),
    Metric("few_bits", lambda found: None if found.steps is None else found.steps.bits),
    *_of("float32", "energy, 32 bit", "energy gain", FLOAT32, lambda _: True),
    *_of("int8", "energy, 8 bit", "... gain", INT8, lambda found: found.energy.quantised),
)

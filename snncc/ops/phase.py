# SPDX-License-Identifier: Apache-2.0
"""The general phase neuron: up to m spikes of either polarity; also the encoder of the network's input.

r <- u = x/scale (|u| if signed); at each phase p, with n spikes so far, n < m: it fires if r >= thresholds[p]
(last_thresholds[p] for the last spike allowed, n = m - 1), and then r <- r - levels[p]. The value is scale times the
sum of the fired levels, with the sign of u if signed. Binary coding is levels 2^-p, m = T (one_spike.txt, II-A, III-A).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.closed_forms import phase_body
from snncc.ops.firing import phase_fires
from snncc.ops.one_spike import OUTPUTS, POTENTIAL, SCALE, TABLES, split_table
from snncc.ops.registry import Attribute, AttributeValues, OpDef, register
from snncc.ops.spike_rules import SpikeSteps, remainder

__all__ = ["PHASE", "chain"]

_TYPES = defs.OpSchema.AttrType


PHASE_STEPS = SpikeSteps(
    phase_fires,
    tables=("levels",),
    signs=lambda attributes: "neuron" if attributes["signed"] else "",
    most=lambda attributes: int(attributes["max_spikes"]),
)


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """PhaseNeuron in numpy: (X, scale) -> (Y, count)."""
    x, scale = inputs
    limit = attributes["max_spikes"]
    u = np.asarray(x.astype(np.float32) / scale)
    r = np.abs(u) if attributes["signed"] else u.copy()
    value = np.zeros(u.shape, np.float32)
    count = np.zeros(u.shape, np.int32)
    tables = (np.asarray(attributes[name], np.float32) for name in ("levels", "thresholds", "last_thresholds"))
    for level, threshold, last in zip(*tables, strict=True):
        fires = (count < limit) & (r >= np.where(count == limit - 1, last, threshold))
        r[fires] -= level
        value[fires] += level
        count[fires] += 1
    if attributes["signed"]:
        value = np.where(u < 0, -value, value)
    return (value * scale).astype(x.dtype), count


def chain(steps: int) -> str:
    """Body lines up to y_{p} and n_{p}, the value and number of the spikes before phase p, and the mask `negative`."""
    lines = ["x = Cast <to = 1> (X)", "u = Div (x, scale)", "zero = Constant <value_float = 0.0> ()"]
    lines += ["flag = Constant <value_int: int = @signed> ()", "signed = Cast <to = 9> (flag)"]
    lines += ["magnitude = Abs (u)", "r_0 = Where (signed, magnitude, u)"]
    lines += ["wide_limit = Constant <value_int: int = @max_spikes> ()", "limit = Cast <to = 6> (wide_limit)"]
    lines += ["one = Constant <value = int32 {1}> ()", "n_0 = Constant <value = int32 {0}> ()"]
    lines += ["last = Sub (limit, one)", "y_0 = Identity (zero)"]
    lines += [split_table("levels", steps, "level"), split_table("thresholds", steps, "threshold")]
    lines += [split_table("last_thresholds", steps, "last_threshold")]
    for p in range(steps):
        lines += [
            f"is_last_{p} = Equal (n_{p}, last)",
            f"needed_{p} = Where (is_last_{p}, last_threshold_{p}, threshold_{p})",
            f"reached_{p} = GreaterOrEqual (r_{p}, needed_{p})",
            f"free_{p} = Less (n_{p}, limit)",
            f"fires_{p} = And (free_{p}, reached_{p})",
            f"spike_{p} = Where (fires_{p}, level_{p}, zero)",
            f"r_{p + 1} = Sub (r_{p}, spike_{p})",
            f"y_{p + 1} = Add (y_{p}, spike_{p})",
            f"z_{p} = Cast <to = 6> (fires_{p})",
            f"n_{p + 1} = Add (n_{p}, z_{p})",
        ]
    lines += ["below = Less (u, zero)", "negative = And (below, signed)"]
    return "\n".join(lines)


def _body(steps: int) -> str:
    lines = [chain(steps), f"opposite = Neg (y_{steps})"]
    lines += [f"y = Where (negative, opposite, y_{steps})", "value = Mul (y, scale)"]
    lines += ["Y = CastLike (value, X)", f"count = Identity (n_{steps})"]
    return "\n".join(lines)


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    levels = 2.0 ** -np.arange(8.0)
    attributes = {
        "levels": levels.tolist(),
        "thresholds": levels.tolist(),
        "last_thresholds": (0.75 * levels).tolist(),
        "max_spikes": 3,
        "signed": 1,
    }
    return [rng.normal(0, 1, (3, 5, 4, 4)).astype(np.float32), np.full(1, 1.5, np.float32)], attributes


PHASE = register(
    OpDef(
        name="PhaseNeuron",
        doc="Phase neuron with up to max_spikes spikes: r = X/scale (its magnitude if signed); at each phase with "
        "r >= thresholds[p] (last_thresholds[p] for the last spike allowed) it fires and r -= levels[p]. "
        "Y = scale * (sum of the fired levels), with the sign of X if signed.",
        inputs=(POTENTIAL, SCALE),
        outputs=OUTPUTS,
        attributes=(
            *TABLES,
            Attribute("last_thresholds", _TYPES.FLOATS, "As thresholds, for the last spike allowed: it may round."),
            Attribute("max_spikes", _TYPES.INT, "Spikes that a neuron may send, at least 1."),
            Attribute(
                "signed", _TYPES.INT, "1: the potential's magnitude is coded and its sign carried by the spikes."
            ),
        ),
        reference=reference,
        body=_body,
        short_body=phase_body,
        table="levels",
        single_step="PhaseNeuronStep",
        examples=_example,
        spike_steps=PHASE_STEPS,
        membrane=remainder,
    )
)

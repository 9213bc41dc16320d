# SPDX-License-Identifier: Apache-2.0
"""Coarse-and-fine phase neurons: one spike for the nearest coarse level, one of either sign for the remainder.

With u = x/scale, u⁺ = max(u, 0) (|u| if signed): the coarse level c is that of the first phase with
u⁺ >= thresholds[p], 0 if there is none. The remainder r = u⁺ - c, rounded once to float32, is coded by the fine level f
of the first fine phase with |r| >= fine_thresholds[p], with the sign of r. The value is scale * (c + f). NaN never
fires.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.level_search import coarse_fine_body
from snncc.ops.one_spike import OUTPUTS, POTENTIAL, SCALE, TABLES, first_reached, selection
from snncc.ops.registry import Attribute, AttributeValues, OpDef, register
from snncc.ops.spike_rules import Activity, SpikeSteps

__all__ = ["COARSE_FINE"]

_TYPES = defs.OpSchema.AttrType
_ATTRIBUTES = (
    *TABLES,
    Attribute("fine_levels", _TYPES.FLOATS, "As levels, for the fine spike; as many entries."),
    Attribute("fine_thresholds", _TYPES.FLOATS, "Magnitude of the remainder that a spike of a fine phase needs."),
    Attribute("signed", _TYPES.INT, "1: the potential's magnitude is coded and its sign carried by the spikes."),
)


def _potentials(u: Array, attributes: AttributeValues) -> tuple[Array, Array, Array]:
    """(What is coded, the level of the coarse spike, its number), of the shape of u = x/scale."""
    whole = np.abs(u) if attributes["signed"] else np.where(u > 0, u, np.float32(0))
    return whole, *first_reached(whole, attributes["levels"], attributes["thresholds"])


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """CoarseFineNeuron in numpy: (X, scale) -> (Y, count)."""
    x, scale = inputs
    u = np.asarray(x.astype(np.float32) / scale)
    whole, coarse, first = _potentials(u, attributes)
    rest = whole - coarse
    fine, second = first_reached(np.abs(rest), attributes["fine_levels"], attributes["fine_thresholds"])
    value = coarse + np.where(rest < 0, -fine, fine)
    if attributes["signed"]:
        value = np.where(u < 0, -value, value)
    return (value * scale).astype(x.dtype), first + second


def _fires(x: Array, scale: Array, attributes: AttributeValues) -> Iterator[Array]:
    """For each coarse and then each fine phase: 1 where a neuron fires, -1 for a negative spike."""
    u = np.asarray(x[0] / scale)
    whole, coarse, _ = _potentials(u, attributes)
    rest, sign = whole - coarse, np.where(attributes["signed"] and u < 0, -1, 1)
    for size, thresholds, signs in (
        (whole, attributes["thresholds"], sign),
        (np.abs(rest), attributes["fine_thresholds"], np.where(rest < 0, -sign, sign)),
    ):
        fired = np.zeros(u.shape, bool)
        for threshold in thresholds:
            fires = ~fired & (size >= np.float32(threshold))
            fired |= fires
            yield np.where(fires, signs, 0)


def _membrane(activity: Activity, attributes: AttributeValues) -> Array:  # noqa: ARG001
    """The potential, less what has been sent."""
    return np.asarray(activity.arriving[0] - np.cumsum(activity.sent, axis=0))


def _body(steps: int) -> str:
    lines = ["x = Cast <to = 1> (X)", "u = Div (x, scale)", "zero = Constant <value_float = 0.0> ()"]
    lines += ["flag = Constant <value_int: int = @signed> ()", "signed = Cast <to = 9> (flag)"]
    lines += ["magnitude = Abs (u)", "above = Greater (u, zero)", "positive = Where (above, u, zero)"]
    lines += ["whole = Where (signed, magnitude, positive)", *selection("whole", steps)]
    lines += ["rest = Sub (whole, y_0)", "size = Abs (rest)", *selection("size", steps, "fine_")]
    lines += ["over = Less (rest, zero)", "taken = Neg (fine_y_0)", "fine = Where (over, taken, fine_y_0)"]
    lines += ["y = Add (y_0, fine)", "below = Less (u, zero)", "negative = And (below, signed)", "opposite = Neg (y)"]
    lines += ["carried = Where (negative, opposite, y)", "value = Mul (carried, scale)", "Y = CastLike (value, X)"]
    lines += [f"{name}fires = Cast <to = 6> ({name}reached_{steps - 1})" for name in ("", "fine_")]
    return "\n".join([*lines, "count = Add (fires, fine_fires)"])


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    levels = 1.5 ** -np.arange(8.0)
    attributes = {
        "levels": levels.astype(np.float32).tolist(),
        "thresholds": (0.83 * levels).astype(np.float32).tolist(),
        "fine_levels": (0.2 * levels).astype(np.float32).tolist(),
        "fine_thresholds": (0.17 * levels).astype(np.float32).tolist(),
        "signed": 1,
    }
    x = rng.normal(0, 0.7, (3, 5, 4, 4)).astype(np.float32)
    return [x, rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)], attributes


COARSE_FINE = register(
    OpDef(
        name="CoarseFineNeuron",
        doc="Phase neuron with a coarse and a fine spike: with u = max(X/scale, 0) (its magnitude if signed), c the "
        "level of the first phase where u >= thresholds[p], and f the fine level of the first fine phase where "
        "|u - c| >= fine_thresholds[p], with the sign of u - c: Y = scale * (c + f), with the sign of X if signed.",
        inputs=(POTENTIAL, SCALE),
        outputs=OUTPUTS,
        attributes=_ATTRIBUTES,
        reference=reference,
        body=_body,
        short_body=coarse_fine_body,
        table="levels",
        spike_steps=SpikeSteps(_fires, ("levels", "fine_levels"), signs=lambda _: "spike", most=lambda _: 2),
        membrane=_membrane,
        examples=_example,
    )
)

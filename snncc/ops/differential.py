# SPDX-License-Identifier: Apache-2.0
"""Multi-threshold neuron of differential coding: at each step it sends what its estimate lacks, as one signed level.

In units of `scale`, with e = 0 before the first step, a_t = max(X_t/scale, 0), or X_t/scale if signed, r = a_t - e:

    d = L_t[#{k : r >= θ_t,k}]    L_t = (-ℓ_n ... -ℓ_1, 0, ℓ_1 ... ℓ_n), θ_t = (-θ_n ... -θ_1, θ_1 ... θ_n)
    e = e + d,  Y_t = scale e

X_t is the potential of all that has been received up to step t, and Y_t the estimate, the sum of all that has been
sent. NaN counts as 0 (no spike if signed). Steps after the last table use the last one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.one_spike import SCALE
from snncc.ops.registry import Attribute, AttributeValues, OpDef, Parameter, register
from snncc.ops.spike_rules import Activity
from snncc.ops.time_loop import COUNT, STEP, STEPS, over_steps, run_steps, state_in, state_out, wrapped

__all__ = ["DIFFERENTIAL", "tables_of"]

_FLOATS, _INT = defs.OpSchema.AttrType.FLOATS, defs.OpSchema.AttrType.INT
_ESTIMATE = "Sum of all levels sent, in units of `scale`"
_ATTRIBUTES = (
    STEPS,
    Attribute("tables", _INT, "Number of tables: one for each time step from 0; later steps use the last one."),
    Attribute("levels", _FLOATS, "Positive levels of each table, descending, in units of `scale`; tables in a row."),
    Attribute("thresholds", _FLOATS, "The least remainder that each of the levels needs, in the order of `levels`."),
    Attribute("signed", _INT, "1: the neuron codes X itself; 0: max(X, 0)."),
)


def tables_of(attributes: AttributeValues) -> tuple[Array, Array]:
    """(Levels, thresholds) of each time step, [tables, n], descending."""
    tables = int(attributes["tables"])
    levels, thresholds = (np.asarray(attributes[name], np.float32) for name in ("levels", "thresholds"))
    return levels.reshape(tables, -1), thresholds.reshape(tables, -1)


def spike_values(inputs: Mapping[str, Array], attributes: AttributeValues) -> Array:
    """What a layer sends at each step, [T, N, …], in units of `scale`."""
    estimates = _estimates([inputs[name] for name in ("X", "scale", "e", "step")], attributes)[0]
    steps = int(attributes["steps"])
    return estimates[1].reshape(steps, -1, *inputs["X"].shape[1:])


def spike_bits(attributes: AttributeValues) -> int:
    """The sign, and the number of a level."""
    return 1 + math.ceil(math.log2(tables_of(attributes)[0].shape[1]))


def accumulators(attributes: AttributeValues) -> int:
    """One for each level; none if all levels are powers of 2, by which weights are shifted."""
    levels = tables_of(attributes)[0]
    return 0 if (np.frexp(levels)[0] == 0.5).all() else levels.shape[1]


def left_to_send(activity: Activity, attributes: AttributeValues) -> Array:  # noqa: ARG001
    """The potential so far, less all that has been sent."""
    return np.asarray(activity.arriving - np.cumsum(activity.sent, axis=0))


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """DifferentialNeuron in numpy: (X, scale, e, step) -> (Y, e_out, count)."""
    (estimate, sent), (e,) = _estimates(inputs, attributes)
    x, scale = inputs[:2]
    value = (estimate.reshape(int(attributes["steps"]), -1, *x.shape[1:]) * scale).reshape(x.shape)
    return value.astype(x.dtype), e, (sent != 0).astype(np.int32)


def _estimates(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[list[Array], list[Array]]:
    """([estimates, levels sent], of the shape of X, [the last estimate]), in units of `scale`."""
    x, scale, start, first = inputs
    levels, thresholds = tables_of(attributes)
    zero = np.float32(0)

    def step(t: int, potential: Array, e: Array) -> tuple[Array, ...]:
        at = min(max(wrapped(int(first.item()) + t), 0), len(levels) - 1)
        u = potential / scale
        a = u if attributes["signed"] else np.where(u > 0, u, zero)
        r, d = a - e, np.zeros_like(e)
        for level, threshold in zip(levels[at][::-1], thresholds[at][::-1], strict=True):
            d = np.where(r >= threshold, level, np.where(r < -threshold, -level, d))
        return e + d, d, e + d

    return run_steps(x, attributes, [start], step)


_PRELUDE = """zero = Constant <value_float = 0.0> ()
none = Constant <value_int = 0> ()
one = Constant <value_int = 1> ()
minus_one = Constant <value_ints = [-1]> ()
first_axis = Constant <value_ints = [0]> ()
flag = Constant <value_int: int = @signed> ()
signed = Cast <to = 9> (flag)
tables = Constant <value_int: int = @tables> ()
last = Sub (tables, one)
table_count = Reshape (tables, minus_one)
table_shape = Concat <axis = 0> (table_count, minus_one)
levels = Constant <value_floats: floats = @levels> ()
thresholds = Constant <value_floats: floats = @thresholds> ()
level_tables = Reshape (levels, table_shape)
threshold_tables = Reshape (thresholds, table_shape)
row = Shape <start = 1, end = 2> (level_tables)
count_levels = Squeeze (row)
lowest = Sub (count_levels, one)"""

_STEP = """u = Div (x, scale)
above = Greater (u, zero)
kept = Or (above, signed)
a = Where (kept, u, zero)
r = Sub (a, e)
number = Add (step, t)
reached = Max (number, none)
at = Min (reached, last)
levels_there = Gather (level_tables, at)
thresholds_there = Gather (threshold_tables, at)
levels_now = Squeeze (levels_there, first_axis)
thresholds_now = Squeeze (thresholds_there, first_axis)
silent = Where (kept, zero, zero)
d = Loop <body = one_level (int64 k, bool on, d_below) => (further, d_then) {
place = Sub (lowest, k)
level = Gather (levels_now, place)
threshold = Gather (thresholds_now, place)
opposite = Neg (threshold)
negative = Neg (level)
up = GreaterOrEqual (r, threshold)
down = Less (r, opposite)
otherwise = Where (down, negative, d_below)
d_then = Where (up, level, otherwise)
further = Identity (on)
}> (count_levels, go, silent)
e_next = Add (e, d)
value = Mul (e_next, scale)
quiet = Equal (d, zero)
fires = Not (quiet)
fired = Cast <to = 6> (fires)"""


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    x = rng.normal(0.3, 0.8, (6, 5, 4, 4)).astype(np.float32)
    scale = rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)
    levels = np.concatenate([2.0 ** -np.arange(k, k + 4) for k in range(3)])
    attributes = {"steps": 3, "tables": 3, "levels": levels.tolist(), "thresholds": (0.75 * levels).tolist()}
    return [x, scale, np.zeros(1, np.float32), np.zeros(1, np.int64)], {**attributes, "signed": 0}


DIFFERENTIAL = register(
    OpDef(
        name="DifferentialNeuron",
        doc="Multi-threshold neuron of differential coding, over `steps` time steps: r = max(X_t/scale, 0) - e, or "
        "X_t/scale - e if signed; d = the level of the largest threshold that |r| reaches, with the sign of r, or 0; "
        "e = e + d, Y_t = scale * e. It fires where d is not 0.",
        inputs=(
            Parameter("X", "T", "Potential of all received up to each step, bias included; steps on the first axis."),
            SCALE,
            state_in("e", _ESTIMATE),
            STEP,
        ),
        outputs=(
            Parameter("Y", "T", "Estimate of each neuron at each step, the shape of X."),
            state_out("e_out", _ESTIMATE),
            COUNT,
        ),
        attributes=_ATTRIBUTES,
        reference=reference,
        body=lambda _: over_steps({"e": "e"}, {"value": "Y", "fired": "count"}, _STEP, _PRELUDE),
        examples=_example,
        stacks="steps",
        spike_values=spike_values,
        spike_bits=spike_bits,
        accumulators=accumulators,
        membrane=left_to_send,
        states={"e": "e_out"},
    )
)

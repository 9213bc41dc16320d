# SPDX-License-Identifier: Apache-2.0
"""The level of a one-spike neuron by table lookup: short function bodies.

A rising function of the potential gives the number of its bucket, so that no bucket holds two different thresholds. One
table gives each bucket the first threshold that is in it or above, another one the level below that. A potential that
reaches the threshold has the level of the next bucket. The body computes the tables from the node's attributes, by the
same function, which runtimes do once, when they load the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.ops.arrays import Array
from snncc.ops.registry import AttributeValues

__all__ = ["coarse_fine_body", "one_spike_body"]

_MOST = 63  # entries: onnx's evaluator has no lookup in longer tables
_ROOTS = 2  # square roots that spread thresholds near 0


def _buckets(thresholds: Array, roots: int, factor: float) -> Array:
    """The buckets of thresholds, as the body computes them."""
    for _ in range(roots):
        thresholds = np.sqrt(thresholds)
    return np.asarray((thresholds * np.float32(factor)).astype(np.int64))


def _spread(tables: Sequence[Array]) -> tuple[int, float, int] | None:
    """(Square roots, factor, number of buckets) that separate the thresholds of each table; None if none do."""
    if any(not len(t) or not (np.isfinite(t) & (t > 0)).all() or np.any(np.diff(t) > 0) for t in tables):
        return None
    highest = max(table[0] for table in tables)
    if not 2.0**-64 < highest < 2.0**64:
        return None
    different = [np.unique(table) for table in tables]
    for roots in range(_ROOTS + 1):
        for count in range(2, _MOST):
            factor = float(np.float32(count / float(highest) ** 0.5**roots))
            numbers = [_buckets(table, roots, factor) for table in different]
            if max(n[-1] for n in numbers) <= _MOST - 2 and all(np.all(np.diff(n) > 0) for n in numbers):
                return roots, factor, int(max(n[-1] for n in numbers)) + 2
    return None


_LOOKUP = """{p}levels = Constant <value_floats: floats = @{p}levels> ()
{p}thresholds = Constant <value_floats: floats = @{p}thresholds> ()
{p}factor = Constant <value_float = {factor!r}> ()
{p}zero = Constant <value_int = 0> ()
{p}one = Constant <value_int = 1> ()
{p}size = Constant <value_int = {size}> ()
{p}axis = Constant <value_ints = [1]> ()
{p}infinity = Constant <value_floats = [inf]> ()
{p}silence = Constant <value_floats = [0.0]> ()
{threshold_roots}
{p}spread_thresholds = Mul ({p}threshold_root_{roots}, {p}factor)
{p}threshold_buckets = Cast <to = 7> ({p}spread_thresholds)
{p}numbers = Range ({p}zero, {p}size, {p}one)
{p}rows = Unsqueeze ({p}numbers, {p}axis)
{p}is_below = Less ({p}threshold_buckets, {p}rows)
{p}each_below = Cast <to = 7> ({p}is_below)
{p}number_below = ReduceSum <keepdims = 0> ({p}each_below, {p}axis)
{p}phases = Size ({p}levels)
{p}place = Sub ({p}phases, {p}number_below)
{p}next_thresholds = Concat <axis = 0> ({p}infinity, {p}thresholds)
{p}reached_levels = Concat <axis = 0> ({p}levels, {p}silence)
{p}limits = Gather ({p}next_thresholds, {p}place)
{p}table = Gather ({p}reached_levels, {p}place)
{p}highest = ReduceMax <keepdims = 0> ({p}thresholds)
{p}root_0 = Min ({potential}, {p}highest)
{potential_roots}
{p}spread = Mul ({p}root_{roots}, {p}factor)
{p}bucket = Cast <to = 6> ({p}spread)
{p}limit = GatherElements ({p}limits, {p}bucket)
{p}passes = GreaterOrEqual ({potential}, {p}limit)
{p}bit = Cast <to = 2> ({p}passes)
{p}more = Cast <to = 6> ({p}bit)
{p}entry = Add ({p}bucket, {p}more)
{p}level = GatherElements ({p}table, {p}entry)
{p}lowest = ReduceMin <keepdims = 0> ({p}thresholds)
{p}fires = GreaterOrEqual ({potential}, {p}lowest)
{p}fired_bit = Cast <to = 2> ({p}fires)
{p}fired = Cast <to = 6> ({p}fired_bit)"""


def _lookup(nodes: Sequence[AttributeValues], potential: str, prefix: str = "") -> str | None:
    """Lines up to `{prefix}level`, for a flat `potential` that is at least 0 and never NaN; None: use no lookup."""
    found = _spread([np.asarray(attributes[f"{prefix}thresholds"], np.float32) for attributes in nodes])
    if found is None:
        return None
    roots, factor, size = found
    steps = [
        [f"{prefix}{n}_{k + 1} = Sqrt ({prefix}{n}_{k})" for k in range(roots)] for n in ("threshold_root", "root")
    ]
    start = f"{prefix}threshold_root_0 = Identity ({prefix}thresholds)"
    own, given = "\n".join([start, *steps[0]]), "\n".join(steps[1])
    names = {"p": prefix, "potential": potential, "threshold_roots": own, "potential_roots": given}
    return _LOOKUP.format(**names, factor=factor, size=size, roots=roots)


_FLAT = """line = Constant <value_ints = [-1]> ()
shape = Shape (X)"""
_END = """y = Reshape <allowzero = 1> (y_flat, shape)
value = Mul (y, scale)
Y = CastLike (value, X)
count = Reshape <allowzero = 1> (spikes, shape)"""


def one_spike_body(nodes: Sequence[AttributeValues], potential: str) -> str | None:
    """The body of one-spike neurons with these attributes, whose line `potential` gives v from x; None: use no lookup.

    A potential that is not positive, or NaN, never fires: thresholds are positive.
    """
    lookup = _lookup(nodes, "u_flat")
    if lookup is None:
        return None
    start = ["x = Cast <to = 1> (X)", potential, "u = Div (v, scale)", "positive = ThresholdedRelu <alpha = 0.0> (u)"]
    lines = [*start, _FLAT, "u_flat = Reshape (positive, line)", lookup, "y_flat = Identity (level)"]
    return "\n".join([*lines, "spikes = Identity (fired)", _END])


_SIGNED = """negative = Less (given, nothing)
opposite = Neg (sum)
y_flat = Where (negative, opposite, sum)"""


def coarse_fine_body(nodes: Sequence[AttributeValues]) -> str | None:
    """The body of coarse-and-fine neurons with these attributes; None: use no lookup, or signs differ."""
    signs = {int(attributes["signed"]) for attributes in nodes}
    coarse, fine = _lookup(nodes, "whole"), _lookup(nodes, "magnitude", "fine_")
    if coarse is None or fine is None or len(signs) != 1:
        return None
    signed = signs == {1}
    lines = [_FLAT, "x = Cast <to = 1> (X)", "u = Div (x, scale)", "given = Reshape (u, line)"]
    lines += ["nothing = Constant <value_float = 0.0> ()", f"coded = {'Abs' if signed else 'Identity'} (given)"]
    lines += ["whole = ThresholdedRelu <alpha = 0.0> (coded)", coarse, "rest = Sub (whole, level)"]
    lines += ["magnitude = Abs (rest)", fine, "over = Less (rest, nothing)", "taken = Neg (fine_level)"]
    lines += ["second = Where (over, taken, fine_level)", "sum = Add (level, second)"]
    lines += ["spikes = Add (fired, fine_fired)"]
    return "\n".join([*lines, _SIGNED if signed else "y_flat = Identity (sum)", _END])

# SPDX-License-Identifier: Apache-2.0
"""Closed forms of neurons whose spikes are the bits of a number, or equal steps: short function bodies.

A potential v that loses powers of two, from the largest to the smallest, `unit`, sends floor(v / unit) times the unit,
at most `top`, the sum of all; its spikes are the bits of that number. One that loses T equal powers of two sends as
many as the number says. Every step is exact in float32, so that all results equal those of the neuron's own steps to
the last bit. NaN fires nothing, as no comparison holds for it: ThresholdedRelu gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.ops.arrays import Array
from snncc.ops.registry import AttributeValues

__all__ = ["few_spikes_body", "phase_body"]

_NARROWEST, _WIDEST = 2.0**-64, 2.0**64  # units far from the ends of float32's range
_NEVER = 2.0**127  # the threshold of an idle step
_BITS = 24  # of a float32
_CHUNK = 5  # bits that are counted by one lookup: onnx's evaluator has no tables of more than 63 entries


def _halves(table: Array) -> bool:
    """Whether the table has a power of two, its half, and so on, at least one entry."""
    if not len(table) or not _NARROWEST <= table[-1] <= table[0] <= _WIDEST:
        return False
    return float(np.frexp(table[0])[0]) == 0.5 and bool(np.all(table == table[0] * 2.0 ** -np.arange(len(table))))


def _equal(table: Array) -> bool:
    """Whether all entries are one power of two, no more than a float32 can count."""
    return 0 < len(table) <= 2**_BITS and _halves(table[:1]) and bool(np.all(table == table[0]))


def _steps(attributes: AttributeValues) -> Array | None:
    """What the steps of an FSNeuron that are not idle take and send; None if that differs, or it has no closed form."""
    thresholds, resets, values = (np.asarray(attributes[n], np.float32) for n in ("thresholds", "resets", "values"))
    active = int(np.count_nonzero(thresholds < _NEVER))
    first = np.asarray(thresholds[:active])
    same = np.array_equal(first, resets[:active]) and np.array_equal(first, values[:active])
    idle = not resets[active:].any() and not values[active:].any() and np.all(thresholds[active:] == _NEVER)
    return first if same and idle and np.isfinite(np.float32(attributes["initial"])) else None


_FEW_SPIKES = """x = Cast <to = 1> (X)
u = Div (x, scale)
initial = Constant <value_float: float = @initial> ()
v = Add (u, initial)
thresholds = Constant <value_floats: floats = @thresholds> ()
values = Constant <value_floats: floats = @values> ()
unit = ReduceMin <keepdims = 0> (thresholds)
top = ReduceSum <keepdims = 0> (values)
units = Reciprocal (unit)
positive = ThresholdedRelu <alpha = 0.0> (v)
held = Min (positive, top)
exact = Mul (held, units)
number = Cast <to = 6> (exact)
whole = Cast <to = 1> (number)
y = Mul (whole, unit)
value = Mul (y, scale)
Y = CastLike (value, X)
"""
# A potential of 2^127 or more fires in idle steps as well, without effect.
_IDLE = """
never = Constant <value_float = 1.7014118346046923e+38> ()
is_idle = GreaterOrEqual (thresholds, never)
each_idle = Cast <to = 6> (is_idle)
idle = ReduceSum <keepdims = 0> (each_idle)
none = Constant <value = int32 {0}> ()
beyond = GreaterOrEqual (v, never)
more = Where (beyond, idle, none)
count = Add (fired, more)"""


def few_spikes_body(nodes: Sequence[AttributeValues]) -> str | None:
    """The body of FSNeurons with these attributes; None unless all have a closed form of one kind."""
    tables = [table for table in map(_steps, nodes) if table is not None]
    if len(tables) < len(nodes):
        return None
    if all(map(_equal, tables)):
        counted = "fired = Identity (number)"
    elif all(_halves(table) and len(table) <= _BITS for table in tables):
        counted = _bits_of("exact", max(map(len, tables)), "fired")
    else:
        return None
    idle = any(len(table) < len(attributes["thresholds"]) for table, attributes in zip(tables, nodes, strict=True))
    return f"{_FEW_SPIKES}{counted}{_IDLE if idle else chr(10) + 'count = Identity (fired)'}"


_LOOKUP = """{p}spread = Mul ({rest}, {p}share)
{p}chunk = Cast <to = 6> ({p}spread)
{p}flat = Reshape ({p}chunk, line)
{p}found = GatherElements (bits_of, {p}flat)"""
_NEXT = """{p}part = Cast <to = 1> ({p}chunk)
{p}taken = Mul ({p}part, {p}weight)
{p}rest = Sub ({rest}, {p}taken)"""
# Six bits in one lookup: popcount(n) = n - 2 h + popcount(h), h = n >> 1.
_SIX = """half_one = Constant <value_float = 0.5> ()
halved = Mul ({number}, half_one)
half_number = Cast <to = 6> (halved)
flat = Reshape (half_number, line)
found = GatherElements (bits_of, flat)
shaped = Reshape <allowzero = 1> (found, bits_shape)
all_bits = Cast <to = 6> ({number})
{count} = Add (all_bits, shaped)"""


def _bits_of(number: str, bits: int, count: str) -> str:
    """Lines up to `count`: how many of the `bits` of a float, without its fraction, are 1; some bits per lookup."""
    table = ",".join(str(h.bit_count() - (2 * h if bits == 6 else 0)) for h in range(2**_CHUNK))
    lines = [f"bits_of = Constant <value = int32[{2**_CHUNK}] {{{table}}}> ()"]
    lines += ["line = Constant <value_ints = [-1]> ()", f"bits_shape = Shape ({number})"]
    if bits == 6:
        return "\n".join([*lines, _SIX.format(number=number, count=count)])
    rest, total = number, ""
    for place in reversed(range(0, bits, _CHUNK)):
        p = f"bits_{place}_"
        lines += [f"{p}share = Constant <value_float = {2.0**-place!r}> ()", _LOOKUP.format(p=p, rest=rest)]
        if total:
            lines += [f"{p}sum = Add ({total}, {p}found)"]
        total = f"{p}sum" if total else f"{p}found"
        if place:
            lines += [f"{p}weight = Constant <value_float = {2.0**place!r}> ()", _NEXT.format(p=p, rest=rest)]
            rest = f"{p}rest"
    return "\n".join([*lines, f"{count} = Reshape <allowzero = 1> ({total}, bits_shape)"])


def _sends_bits(attributes: AttributeValues) -> bool:
    """Whether a PhaseNeuron sends all bits of its potential, floored or rounded to a multiple of the last level.

    If it rounds, idle phases may follow, with copies of the last entries: after all bits no more spikes are allowed.
    """
    names = ("levels", "thresholds", "last_thresholds")
    levels, thresholds, last = (np.asarray(attributes[name], np.float32) for name in names)
    bits = int(np.argmin(levels)) + 1 if len(levels) else 0
    if not _halves(levels[:bits]) or attributes["max_spikes"] < bits or not np.array_equal(thresholds, last):
        return False
    idle = len(levels) > bits
    if idle and (attributes["max_spikes"] != bits or np.any(levels[bits:] != levels[bits - 1])):
        return False
    rounds = bits < _BITS and np.array_equal(thresholds, levels - levels[-1] / 2)
    return bool(rounds or (not idle and np.array_equal(thresholds, levels)))


# Rounding adds half a unit to a whole number of them: to the potential itself it could change the last bit.
_PHASE = """x = Cast <to = 1> (X)
u = Div (x, scale)
levels = Constant <value_floats: floats = @levels> ()
thresholds = Constant <value_floats: floats = @thresholds> ()
half = Constant <value_float = 0.5> ()
unit = ReduceMin <keepdims = 0> (levels)
first = ReduceMax <keepdims = 0> (levels)
lowest = ReduceMin <keepdims = 0> (thresholds)
twice = Add (first, first)
top = Sub (twice, unit)
half_unit = Mul (unit, half)
shift = Sub (unit, lowest)
rounding = Div (shift, half_unit)
halves = Reciprocal (half_unit)
{magnitude}
positive = ThresholdedRelu <alpha = 0.0> (magnitude)
held = Min (positive, top)
exact = Mul (held, halves)
floored = Floor (exact)
risen = Add (floored, rounding)
middle = Mul (risen, half)
whole = Floor (middle)
size = Mul (whole, unit)
{signed}
value = Mul (y, scale)
Y = CastLike (value, X)
"""
# With more bits than a float32 has, the sum of all levels is rounded to the next power of two.
_ALL = """
phases = Size (levels)
all = Cast <to = 6> (phases)
is_full = GreaterOrEqual (magnitude, twice)
count = Where (is_full, all, bits)"""
_SIGN = """zero = Constant <value_float = 0.0> ()
below = Less (u, zero)
opposite = Neg (size)
y = Where (below, opposite, size)"""


def phase_body(nodes: Sequence[AttributeValues]) -> str | None:
    """The body of PhaseNeurons with these attributes; None unless all have a closed form and carry signs, or none."""
    signs = {int(attributes["signed"]) for attributes in nodes}
    if len(signs) != 1 or not all(map(_sends_bits, nodes)):
        return None
    magnitude, signed = ("Abs", _SIGN) if signs == {1} else ("Identity", "y = Identity (size)")
    body = _PHASE.format(magnitude=f"magnitude = {magnitude} (u)", signed=signed)
    bits = max(int(np.argmin(attributes["levels"])) + 1 for attributes in nodes)
    if bits <= _BITS:
        return body + _bits_of("whole", bits, "count")
    return body + _bits_of("whole", bits + 1, "bits") + _ALL

# SPDX-License-Identifier: Apache-2.0
"""Phase and few-spikes neurons, one time step per call, for loops over time and real-time hosts.

A layer fires from time step `start` on, its phase q = step - start. Layers send the value of their spikes so far, so
that a linear layer gives the potential of all input so far, with correct biases, equal to the folded form to the last
bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.few_spikes import FEW_SPIKES, FS_TABLES
from snncc.ops.one_spike import SCALE
from snncc.ops.phase import PHASE
from snncc.ops.registry import Attribute, AttributeValues, OpDef, Parameter, register
from snncc.ops.time_loop import STEP, wrapped

__all__ = ["FEW_SPIKES_STEP", "PHASE_STEP"]

_START = Attribute("start", defs.OpSchema.AttrType.INT, "Time step of the layer's first phase.")
_POTENTIAL = Parameter("X", "T", "Pre-activation by all input so far, bias included.")
_SO_FAR = Parameter("Y", "T", "Value of the spikes so far, the shape of X.")
_COUNT = Parameter("count", "tensor(int32)", "Number of spikes at this step, 0 or 1, the shape of X.", optional=True)


def _state(name: str, doc: str) -> tuple[Parameter, Parameter]:
    before = Parameter(name, "tensor(float)", f"{doc}, before this step: one element, or of the shape of X.")
    return before, Parameter(f"{name}_out", "tensor(float)", f"{doc}, after this step.", optional=True)


_REST = _state("rest", "What the spikes so far leave to code, in units of `scale`")
_VALUE = _state("value", "Value of the spikes so far, in units of `scale`")
_SENT = _state("sent", "Number of spikes so far")
_LEFT = _state("v", "Potential that the spikes so far leave, in units of `scale`")


def _phase(first: Array, attributes: AttributeValues, length: int) -> tuple[int, bool, int]:
    """(phase, whether it is one of the neuron's, an index into its tables)."""
    q = wrapped(int(first.item()) - attributes["start"])
    return q, 0 <= q < length, min(max(q, 0), length - 1)


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """PhaseNeuronStep in numpy: (X, scale, rest, value, sent, step) -> (Y, rest_out, value_out, sent_out, count)."""
    x, scale, rest, value, sent, step = inputs
    _, active, at = _phase(step, attributes, len(attributes["levels"]))
    u = np.asarray(x.astype(np.float32) / scale)
    rest, value, sent = (np.broadcast_to(s, u.shape) for s in (rest, value, sent))
    rest = np.where(sent == 0, np.abs(u) if attributes["signed"] else u, rest)
    tables = (np.float32(attributes[name][at]) for name in ("levels", "thresholds", "last_thresholds"))
    level, threshold, last = tables
    needed = np.where(sent == np.float32(attributes["max_spikes"]) - np.float32(1), last, threshold)
    fires = active & (sent < attributes["max_spikes"]) & (rest >= needed)
    spike = np.where(fires, level, np.float32(0))
    value = value + spike
    carried = np.where(u < 0, -value, value) if attributes["signed"] else value
    return (
        (carried * scale).astype(x.dtype),
        rest - spike,
        value,
        sent + fires.astype(np.float32),
        fires.astype(np.int32),
    )


def reference_few_spikes(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """FSNeuronStep in numpy: (X, scale, v, value, step) -> (Y, v_out, value_out, count)."""
    x, scale, v, value, step = inputs
    q, active, at = _phase(step, attributes, len(attributes["thresholds"]))
    u = np.asarray(x.astype(np.float32) / scale)
    v = u + np.float32(attributes["initial"]) if q == 0 else np.broadcast_to(v, u.shape)
    fires = active & (v >= np.float32(attributes["thresholds"][at]))
    v = np.where(fires, v - np.float32(attributes["resets"][at]), v)
    value = np.where(fires, value + np.float32(attributes["values"][at]), value)
    return (value * scale).astype(x.dtype), v, value, fires.astype(np.int32)


def _prelude(table: str) -> list[str]:
    return [
        "unit = Constant <value_ints = [1]> ()",
        "start_given = Constant <value_int: int = @start> ()",
        "start = Reshape (start_given, unit)",
        "q = Sub (step, start)",
        f"length = Shape ({table})",
        "last = Sub (length, unit)",
        "none = Constant <value_ints = [0]> ()",
        "from_first = Max (q, none)",
        "at = Min (from_first, last)",
        "begun = GreaterOrEqual (q, none)",
        "not_over = Less (q, length)",
        "active = And (begun, not_over)",
        "x = Cast <to = 1> (X)",
        "u = Div (x, scale)",
        "shape = Shape (X)",
    ]


def _entries(*tables: str) -> list[str]:
    """Each table's entry of this phase."""
    return [f"{name}_now = Gather ({name}, at)" for name in tables]


def _attributes(*names: str) -> list[str]:
    return [f"{name} = Constant <value_floats: floats = @{name}> ()" for name in names]


def _body() -> str:
    lines = [*_attributes("levels", "thresholds", "last_thresholds"), *_prelude("levels")]
    lines += _entries("levels", "thresholds", "last_thresholds")
    lines += ["zero = Constant <value_float = 0.0> ()", "one = Constant <value_float = 1.0> ()"]
    lines += ["flag = Constant <value_int: int = @signed> ()", "signed = Cast <to = 9> (flag)"]
    lines += ["limit_given = Constant <value_int: int = @max_spikes> ()", "limit = Cast <to = 1> (limit_given)"]
    lines += ["magnitude = Abs (u)", "whole = Where (signed, magnitude, u)", "untouched = Equal (sent, zero)"]
    lines += ["left = Where (untouched, whole, rest)", "final = Sub (limit, one)", "is_last = Equal (sent, final)"]
    lines += [
        "needed = Where (is_last, last_thresholds_now, thresholds_now)",
        "reached = GreaterOrEqual (left, needed)",
    ]
    lines += ["free = Less (sent, limit)", "able = And (free, active)", "fires = And (reached, able)"]
    lines += [
        "spike = Where (fires, levels_now, zero)",
        "rest_out = Sub (left, spike)",
        "value_out = Add (value, spike)",
    ]
    lines += ["z = Cast <to = 1> (fires)", "sent_out = Add (sent, z)", "count = Cast <to = 6> (fires)"]
    lines += ["below = Less (u, zero)", "negative = And (below, signed)", "opposite = Neg (value_out)"]
    lines += [
        "carried = Where (negative, opposite, value_out)",
        "worth = Mul (carried, scale)",
        "Y = CastLike (worth, X)",
    ]
    return "\n".join(lines)


def _few_spikes_body() -> str:
    lines = [*_attributes("thresholds", "resets", "values"), *_prelude("thresholds")]
    lines += _entries("thresholds", "resets", "values")
    lines += ["initial = Constant <value_float: float = @initial> ()", "charged = Add (u, initial)"]
    lines += ["is_first = Equal (q, none)", "left = Where (is_first, charged, v)"]
    lines += ["reached = GreaterOrEqual (left, thresholds_now)", "fires = And (reached, active)"]
    lines += ["less = Sub (left, resets_now)", "v_after = Where (fires, less, left)", "v_out = Expand (v_after, shape)"]
    lines += ["more = Add (value, values_now)", "value_after = Where (fires, more, value)"]
    lines += [
        "value_out = Expand (value_after, shape)",
        "counted = Cast <to = 6> (fires)",
        "count = Expand (counted, shape)",
    ]
    lines += ["worth = Mul (value_out, scale)", "Y = CastLike (worth, X)"]
    return "\n".join(lines)


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    inputs, attributes = PHASE.examples(rng)
    shape = inputs[0].shape
    sent = rng.integers(0, 4, shape).astype(np.float32)
    states = [rng.random(shape).astype(np.float32), rng.random(shape).astype(np.float32), sent]
    return [*inputs, *states, np.array([9], np.int64)], {**attributes, "start": 7}


def _few_spikes_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    inputs, attributes = FEW_SPIKES.examples(rng)
    states = [rng.random(inputs[0].shape).astype(np.float32) for _ in range(2)]
    return [*inputs, *states, np.array([9], np.int64)], {**attributes, "start": 7}


PHASE_STEP = register(
    OpDef(
        name="PhaseNeuronStep",
        doc="One phase q = step - start of PhaseNeuron: until it fires, rest = X/scale (its magnitude if signed); "
        "if 0 <= q < T and rest reaches the threshold of phase q, it fires, rest -= levels[q], value += levels[q]. "
        "Y = scale * value, with the sign of X if signed.",
        inputs=(_POTENTIAL, SCALE, _REST[0], _VALUE[0], _SENT[0], STEP),
        outputs=(_SO_FAR, _REST[1], _VALUE[1], _SENT[1], _COUNT),
        attributes=(*PHASE.attributes, _START),
        reference=reference,
        body=lambda _: _body(),
        examples=_example,
        states={"rest": "rest_out", "value": "value_out", "sent": "sent_out"},
    )
)

FEW_SPIKES_STEP = register(
    OpDef(
        name="FSNeuronStep",
        doc="One step q = step - start of FSNeuron: at q = 0, v = X/scale + initial; if 0 <= q < K and "
        "v >= thresholds[q], it fires, v -= resets[q], value += values[q]. Y = scale * value.",
        inputs=(_POTENTIAL, SCALE, _LEFT[0], _VALUE[0], STEP),
        outputs=(_SO_FAR, _LEFT[1], _VALUE[1], _COUNT),
        attributes=(*FS_TABLES, _START),
        reference=reference_few_spikes,
        body=lambda _: _few_spikes_body(),
        examples=_few_spikes_example,
        states={"v": "v_out", "value": "value_out"},
    )
)

# SPDX-License-Identifier: Apache-2.0
"""One-spike neurons that start to fire before all their input has arrived (one_spike.txt, section V-C).

With `wait` w < T of the T phases, a layer starts to fire w phases after its inputs. A value is then transferred as J =
T - w + 1 slices, stacked on the batch axis: slice j is the value of its spikes of phases up to w - 1 + j. A linear
layer maps the slices of its inputs to those of the potential, with correct biases; at its own phase q the neuron reads
slice min(q, J - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops import phase
from snncc.ops.arrays import Array
from snncc.ops.one_spike import ONE_SPIKE_STEPS, POTENTIAL, SCALE, TABLES, split_table
from snncc.ops.phase import PHASE, PHASE_STEPS
from snncc.ops.registry import Attribute, AttributeValues, OpDef, Parameter, register
from snncc.ops.spike_rules import remainder

__all__ = ["PHASE_ENCODER", "WAIT_ONE_SPIKE"]

_WAIT = Attribute("wait", defs.OpSchema.AttrType.INT, "Phases that a layer waits before it fires, 1 … T.")
_SLICES = Parameter("Y", "T", "Slices of the spikes' value: what those of phases up to wait - 1 + j are worth.")
_COUNT = Parameter("count", "tensor(int32)", "Number of spikes of those phases, the shape of Y.", optional=True)


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """WaitOneSpikeNeuron in numpy: (X, scale) -> (Y, count)."""
    x, scale = inputs
    phases = len(attributes["levels"])
    slices = phases - attributes["wait"] + 1
    u = x.astype(np.float32).reshape(slices, x.shape[0] // slices, *x.shape[1:]) / scale
    fired = np.full(u.shape[1:], phases)  # the phase of the spike, T for none
    for p in reversed(range(phases)):
        fired[u[min(p, slices - 1)] >= np.float32(attributes["thresholds"][p])] = p
    worth = np.append(np.asarray(attributes["levels"], np.float32), np.float32(0))[fired]
    last = attributes["wait"] + np.arange(slices).reshape(-1, *[1] * fired.ndim) - 1
    sent = fired <= last
    y = np.where(sent, worth, np.float32(0)) * scale
    return y.reshape(x.shape).astype(x.dtype), sent.reshape(x.shape).astype(np.int32)


def reference_encoder(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """PhaseEncoder in numpy: (X, scale) -> (Y, count)."""
    names = ("levels", "thresholds", "last_thresholds")
    parts = [
        PHASE.reference(inputs, {**attributes, **{name: attributes[name][:phases] for name in names}})
        for phases in range(attributes["wait"], len(attributes["levels"]) + 1)
    ]
    y, count = (np.concatenate(column) for column in zip(*parts, strict=True))
    return y, count


_FOLDED = """rest = Shape <start = 1> (X)
rows = Shape <start = 0, end = 1> (X)
first = Constant <value_ints = [0]> ()
unit = Constant <value_ints = [1]> ()
wait_given = Constant <value_int: int = @wait> ()
wait = Reshape (wait_given, unit)"""


def _body(steps: int) -> str:
    """A chain of selections from the last phase to the first, as in OneSpikeNeuron, with the phase carried along."""
    lines = [_FOLDED, f"beyond = Constant <value_ints = [{steps + 1}]> ()", "slices = Sub (beyond, wait)"]
    lines += [
        "last_slice = Sub (slices, unit)",
        "n = Div (rows, slices)",
        "x = Cast <to = 1> (X)",
        "u = Div (x, scale)",
    ]
    lines += [split_table("levels", steps, "level"), split_table("thresholds", steps, "threshold")]
    lines += [f"y_{steps} = Constant <value_float = 0.0> ()", f"p_{steps} = Constant <value_int = {steps}> ()"]
    for p in reversed(range(steps)):
        lines += [
            f"phase_{p} = Constant <value_int = {p}> ()",
            f"slice_{p} = Min (last_slice, phase_{p})",
            f"begin_{p} = Mul (slice_{p}, n)",
            f"end_{p} = Add (begin_{p}, n)",
            f"seen_{p} = Slice (u, begin_{p}, end_{p}, first)",
            f"reached_{p} = GreaterOrEqual (seen_{p}, threshold_{p})",
            f"y_{p} = Where (reached_{p}, level_{p}, y_{p + 1})",
            f"p_{p} = Where (reached_{p}, phase_{p}, p_{p + 1})",
        ]
    lines += [
        "zero = Constant <value_int = 0> ()",
        "one = Constant <value_int = 1> ()",
        "count_slices = Squeeze (slices)",
        "numbers = Range (zero, count_slices, one)",
        "ranks = Shape (rest)",
        "flat = ConstantOfShape <value = int64[1] {1}> (ranks)",
        "column = Concat <axis = 0> (slices, unit, flat)",
        "slice = Reshape (numbers, column)",
        "until = Add (slice, wait)",
        "sent = Less (p_0, until)",
        f"none = Identity (y_{steps})",
        "worth = Where (sent, y_0, none)",
        "value = Mul (worth, scale)",
        "shape = Shape (X)",
        "folded = Reshape <allowzero = 1> (value, shape)",
        "Y = CastLike (folded, X)",
        "fired = Cast <to = 6> (sent)",
        "count = Reshape <allowzero = 1> (fired, shape)",
    ]
    return "\n".join(lines)


def _encoder_body(steps: int) -> str:
    """PhaseNeuron's own chain, with what it has sent after each phase stacked; the first `wait` - 1 are cut off."""
    chain = phase.chain(steps)
    lines = [_FOLDED, chain, "skipped = Sub (wait, unit)", "begin = Mul (skipped, rows)"]
    lines += [f"all_values = Concat <axis = 0> ({', '.join(f'y_{p + 1}' for p in range(steps))})"]
    lines += [f"all_counts = Concat <axis = 0> ({', '.join(f'n_{p + 1}' for p in range(steps))})"]
    lines += [f"sign_tiles = Concat <axis = 0> ({', '.join(['negative'] * steps)})"]
    lines += ["opposite = Neg (all_values)", "carried = Where (sign_tiles, opposite, all_values)"]
    lines += ["end = Shape <start = 0, end = 1> (carried)"]
    lines += ["kept = Slice (carried, begin, end, first)", "value = Mul (kept, scale)", "Y = CastLike (value, X)"]
    lines += ["count = Slice (all_counts, begin, end, first)"]
    return "\n".join(lines)


def _slices(rows: int, attributes: AttributeValues) -> int:
    return rows * (len(attributes["levels"]) - int(attributes["wait"]) + 1)


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    levels = 1.3 ** -np.arange(8.0)
    attributes = {"levels": levels.tolist(), "thresholds": (0.88 * levels).tolist(), "wait": 6}
    x = rng.normal(0.3, 0.5, (6, 5, 4, 4)).astype(np.float32)
    return [x, rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)], attributes


def _encoder_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    inputs, attributes = PHASE.examples(rng)
    return inputs, {**attributes, "wait": 6}


WAIT_ONE_SPIKE = register(
    OpDef(
        name="WaitOneSpikeNeuron",
        doc="One-spike phase neuron that waits for `wait` of the T phases: X holds the J = T - wait + 1 slices of the "
        "potential; p is the first phase where slice min(p, J - 1) of X/scale >= thresholds[p]. Slice j of Y is "
        "scale * levels[p] if p <= wait - 1 + j, else 0.",
        inputs=(Parameter("X", "T", "Slices of the potential, stacked on the first axis."), SCALE),
        outputs=(_SLICES, _COUNT),
        attributes=(*TABLES, _WAIT),
        reference=reference,
        body=_body,
        examples=_example,
        table="levels",
        stacks="slices",
        spike_steps=replace(ONE_SPIKE_STEPS, slices=lambda attributes: _slices(1, attributes)),
        membrane=remainder,
        variant_of="OneSpikeNeuron",
    )
)

PHASE_ENCODER = register(
    OpDef(
        name="PhaseEncoder",
        doc="Encoder in front of neurons that wait for `wait` of the T phases: fires as PhaseNeuron does, and gives "
        "the J = T - wait + 1 slices of its value, stacked on the first axis.",
        inputs=(POTENTIAL, SCALE),
        outputs=(
            Parameter("Y", "T", _SLICES.doc, rows=_slices),
            Parameter("count", "tensor(int32)", _COUNT.doc, optional=True, rows=_slices),
        ),
        attributes=(*PHASE.attributes, _WAIT),
        reference=reference_encoder,
        body=_encoder_body,
        examples=_encoder_example,
        table="levels",
        stacks="slices",
        spike_steps=PHASE_STEPS,
        membrane=remainder,
        variant_of="PhaseNeuron",
    )
)

# SPDX-License-Identifier: Apache-2.0
"""Integrate-and-fire neurons with soft reset, for rate coding (optimal_conversion.txt, eqs. 4 to 6).

In units of `scale`, with I_t = X_t/scale: at each step V <- V + I_t + bias, z = [V >= 1], V <- V - z; the neuron emits
scale z. The shift of half a threshold against flooring is either V's start, 1/2, or a bias of 1/(2T).
A signed neuron may take spikes back: z = -1 where V <= -1 and it has sent more spikes than it took back. A rounding one
takes them back as soon as V < 0, so that its spikes sum to its potential, rounded, if V starts at 1/2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.one_spike import SCALE
from snncc.ops.registry import Attribute, AttributeValues, OpDef, Parameter, register
from snncc.ops.spike_rules import soft_reset
from snncc.ops.time_loop import COUNT, STEPS, VALUES, over_steps, run_steps, state_in, state_out

__all__ = ["CURRENT", "INTEGRATE", "ROUNDING_INTEGRATE", "SIGNED_INTEGRATE"]

CURRENT = Parameter("X", "T", "Input current of each step, bias included; steps stacked on the first axis.")
_BIAS = Attribute("bias", defs.OpSchema.AttrType.FLOAT, "Current added at each step, in units of `scale`.")
_POTENTIAL = "Membrane potential, in units of `scale`"
_SENT = "Spikes sent less spikes taken back"


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """IFNeuron in numpy: (X, scale, V) -> (Y, V_out, count)."""
    x, scale, start = inputs
    bias = np.float32(attributes["bias"])

    def step(_: int, current: Array, v: Array) -> tuple[Array, ...]:
        v = v + current / scale + bias
        fires = (v >= 1).astype(np.float32)
        return fires * scale, fires.astype(np.int32), v - fires

    (y, count), (v,) = run_steps(x, attributes, [start], step)
    return y.astype(x.dtype), v, count


def reference_signed(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """SignedIFNeuron in numpy: (X, scale, V, sent) -> (Y, V_out, sent_out, count)."""
    return _taking_back(inputs, attributes, lambda v: v <= -1)


def reference_rounding(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """RoundingIFNeuron in numpy: (X, scale, V, sent) -> (Y, V_out, sent_out, count)."""
    return _taking_back(inputs, attributes, lambda v: v < 0)


def _taking_back(
    inputs: Sequence[Array], attributes: AttributeValues, too_low: Callable[[Array], Array]
) -> tuple[Array, ...]:
    """A neuron that takes a spike back where its potential is `too_low`."""
    x, scale, start, before = inputs
    bias = np.float32(attributes["bias"])

    def step(_: int, current: Array, v: Array, sent: Array) -> tuple[Array, ...]:
        v = v + current / scale + bias
        z = (v >= 1).astype(np.float32) - (too_low(v) & (sent >= 1)).astype(np.float32)
        return z * scale, np.abs(z).astype(np.int32), v - z, sent + z

    (y, count), (v, sent) = run_steps(x, attributes, [start, before], step)
    return y.astype(x.dtype), v, sent, count


_PRELUDE = "bias = Constant <value_float: float = @bias> ()\none = Constant <value_float = 1.0> ()"
_CHARGE = """current = Div (x, scale)
charged = Add (v, current)
u = Add (charged, bias)
reached = GreaterOrEqual (u, one)
"""


def _body() -> str:
    step = f"""{_CHARGE}z = Cast <to = 1> (reached)
v_next = Sub (u, z)
value = Mul (z, scale)
fired = Cast <to = 6> (reached)"""
    return over_steps({"v": "V"}, {"value": "Y", "fired": "count"}, step, _PRELUDE)


def _signed_body(too_low: str, limit: float) -> str:
    """`too_low` compares the potential with `limit`."""
    step = f"""{_CHARGE}up = Cast <to = 1> (reached)
far_below = {too_low} (u, minus)
has_sent = GreaterOrEqual (sent, one)
takes_back = And (far_below, has_sent)
down = Cast <to = 1> (takes_back)
z = Sub (up, down)
v_next = Sub (u, z)
sent_next = Add (sent, z)
value = Mul (z, scale)
either = Or (reached, takes_back)
fired = Cast <to = 6> (either)"""
    prelude = f"{_PRELUDE}\nminus = Constant <value_float = {limit}> ()"
    return over_steps({"v": "V", "sent": "sent"}, {"value": "Y", "fired": "count"}, step, prelude)


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    x = rng.normal(0.3, 0.8, (6, 5, 4, 4)).astype(np.float32)
    scale = rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)
    return [x, scale, np.full(1, 0.5, np.float32)], {"steps": 3, "bias": 0.015625}


def _signed_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    inputs, attributes = _example(rng)
    return [*inputs, np.zeros(1, np.float32)], attributes


INTEGRATE = register(
    OpDef(
        name="IFNeuron",
        doc="Integrate-and-fire neuron with soft reset, over `steps` time steps: V = V + X_t/scale + bias, it fires if "
        "V >= 1, then V = V - 1 and Y_t = scale; else Y_t = 0.",
        inputs=(CURRENT, SCALE, state_in("V", _POTENTIAL)),
        outputs=(VALUES, state_out("V_out", _POTENTIAL), COUNT),
        attributes=(STEPS, _BIAS),
        reference=reference,
        body=lambda _: _body(),
        examples=_example,
        stacks="steps",
        unit_spikes="positive",
        membrane=soft_reset,
        states={"V": "V_out"},
    )
)

SIGNED_INTEGRATE = register(
    OpDef(
        name="SignedIFNeuron",
        doc="Integrate-and-fire neuron that may take its spikes back: as IFNeuron, and where V <= -1 and it has sent "
        "more spikes than it took back, V = V + 1 and Y_t = -scale.",
        inputs=(CURRENT, SCALE, state_in("V", _POTENTIAL), state_in("sent", _SENT)),
        outputs=(VALUES, state_out("V_out", _POTENTIAL), state_out("sent_out", _SENT), COUNT),
        attributes=(STEPS, _BIAS),
        reference=reference_signed,
        body=lambda _: _signed_body("LessOrEqual", -1.0),
        examples=_signed_example,
        stacks="steps",
        unit_spikes="signed",
        membrane=soft_reset,
        states={"V": "V_out", "sent": "sent_out"},
    )
)

ROUNDING_INTEGRATE = register(
    OpDef(
        name="RoundingIFNeuron",
        doc="Integrate-and-fire neuron whose spikes sum to its rounded potential: as IFNeuron, and where V < 0 and it "
        "has sent more spikes than it took back, V = V + 1 and Y_t = -scale.",
        inputs=SIGNED_INTEGRATE.inputs,
        outputs=SIGNED_INTEGRATE.outputs,
        attributes=(STEPS, _BIAS),
        reference=reference_rounding,
        body=lambda _: _signed_body("Less", 0.0),
        examples=_signed_example,
        stacks="steps",
        unit_spikes="signed",
        membrane=soft_reset,
        states={"V": "V_out", "sent": "sent_out"},
    )
)

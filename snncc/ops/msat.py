# SPDX-License-Identifier: Apache-2.0
"""The neuron with a multi-stage adaptive threshold (msat.txt, eqs. 11 to 15).

In units of `scale`, with I_t = X_t/scale, V the potential after the last firing and V_mean its mean over the steps so
far, the threshold is 1 at step 0 and later

    Theta_t = logistic(tau_mp (alpha D + V_T + k_a log(1 + exp(D / k_i))) + tau_rd exp(-I_t / C)),  D = V - V_mean.

It fires if V + I_t >= Theta_t, then V <- V + I_t - Theta_t, and it emits scale Theta_t. With spike confidence, a spike
before step `early` survives a draw of probability `survival` / 2^32, or is suppressed: then nothing is reset either.
The draw is a hash of (key, element of the sample, step), so that no batch, shard or implementation draws otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.hashed_random import DRAW, DRAW_PRELUDE, hashed_uniform
from snncc.ops.integrate_and_fire import CURRENT
from snncc.ops.one_spike import SCALE
from snncc.ops.portable_math import CONSTANTS, exp, exp_body, logistic, logistic_body, softplus, softplus_body
from snncc.ops.registry import Attribute, AttributeValues, OpDef, register
from snncc.ops.spike_rules import soft_reset
from snncc.ops.time_loop import COUNT, STEP, STEPS, VALUES, over_steps, run_steps, state_in, state_out, wrapped

__all__ = ["CONFIDENT_MSAT", "MSAT", "PRESETS"]

_TYPES = defs.OpSchema.AttrType
_POTENTIAL = "Membrane potential after firing, in units of `scale`"
_TOTAL = "Sum of those potentials over all steps so far"

_PARAMETERS = {
    "alpha": "Slope of the threshold over the potential.",
    "k_a": "Height of the soft step on the right side.",
    "k_i": "Width of that step.",
    "C": "How fast an input lowers the threshold.",
    "tau_mp": "Weight of the dynamic tracking threshold.",
    "tau_rd": "Weight of the dynamic evoked threshold.",
    "V_T": "Offset of the tracking threshold.",
}
_CONFIDENCE = (
    Attribute("survival", _TYPES.INT, "Spike confidence times 2^32, 0 … 2^32."),
    Attribute("early", _TYPES.INT, "Steps, from 0 on, in which spikes may be suppressed."),
    Attribute("key", _TYPES.INT, "Key of the draws, 0 … 2^32 - 1: the seed and the layer."),
)


def _threshold(current: Array, v: Array, total: Array, number: int, attributes: AttributeValues) -> Array:
    if number == 0:
        return np.ones_like(v)
    a = {name: np.float32(attributes[name]) for name in _PARAMETERS}
    distance = v - total / np.int64(number).astype(np.float32)
    tracking = (distance * a["alpha"] + a["V_T"]) + softplus(distance / a["k_i"]) * a["k_a"]
    return logistic(tracking * a["tau_mp"] + exp(-(current / a["C"])) * a["tau_rd"])


def _run(inputs: Sequence[Array], attributes: AttributeValues, *, confident: bool) -> tuple[Array, ...]:
    x, scale, start, summed, first = inputs
    size = int(np.prod(x.shape[1:], dtype=np.int64))
    elements = np.arange(size).reshape(x.shape[1:])

    def step(t: int, given: Array, v: Array, total: Array) -> tuple[Array, ...]:
        number = wrapped(int(first.item()) + t)
        current = given / scale
        theta = _threshold(current, v, total, number, attributes)
        charged = v + current
        fires = charged >= theta
        if confident and number < attributes["early"]:
            fires &= hashed_uniform(attributes["key"], elements, number) < attributes["survival"]
        value = np.where(fires, theta, np.float32(0))
        v = charged - value
        return value * scale, fires.astype(np.int32), v, total + v

    (y, count), (v, total) = run_steps(x, attributes, [start, summed], step)
    return y.astype(x.dtype), v, total, count


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """MSATNeuron in numpy: (X, scale, V, total, step) -> (Y, V_out, total_out, count)."""
    return _run(inputs, attributes, confident=False)


def reference_confident(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """ConfidentMSATNeuron in numpy: (X, scale, V, total, step) -> (Y, V_out, total_out, count)."""
    return _run(inputs, attributes, confident=True)


def _body(prelude: str, decision: str) -> str:
    step = "\n".join(
        [
            "now = Add (step, t)",
            "number = Cast <to = 1> (now)",
            "current = Div (x, scale)",
            "is_first = Equal (number, zero)",
            "past = Where (is_first, unit, number)",
            "mean = Div (total, past)",
            "distance = Sub (v, mean)",
            "slope = Mul (distance, alpha)",
            "left = Add (slope, V_T)",
            "scaled = Div (distance, k_i)",
            softplus_body("soft", "scaled"),
            "right = Mul (soft, k_a)",
            "tracking = Add (left, right)",
            "weighed = Mul (tracking, tau_mp)",
            "quotient = Div (current, C)",
            "negative = Neg (quotient)",
            exp_body("evoked", "negative"),
            "lowered = Mul (evoked, tau_rd)",
            "both = Add (weighed, lowered)",
            logistic_body("adapted", "both"),
            "theta = Where (is_first, unit, adapted)",
            "charged = Add (v, current)",
            "reached = GreaterOrEqual (charged, theta)",
            decision,
            "sent = Where (fires, theta, zero)",
            "v_next = Sub (charged, sent)",
            "total_next = Add (total, v_next)",
            "value = Mul (sent, scale)",
            "fired = Cast <to = 6> (fires)",
        ]
    )
    attributes = [f"{name} = Constant <value_float: float = @{name}> ()" for name in _PARAMETERS]
    start = "\n".join([CONSTANTS, *attributes, prelude])
    return over_steps({"v": "V", "total": "total"}, {"value": "Y", "fired": "count"}, step, start)


PRESETS = {
    "vgg16": {"alpha": 0.03, "k_a": 1.0, "k_i": 1.0, "C": 5.0, "tau_mp": 1.0, "tau_rd": 1.0, "V_T": -1.0},
    "resnet20": {"alpha": 0.3, "k_a": 1.0, "k_i": 1.0, "C": 5.0, "tau_mp": 0.5, "tau_rd": 0.5, "V_T": -1.0},
    "resnet34": {"alpha": 1.0, "k_a": 1.0, "k_i": 1.0, "C": 5.0, "tau_mp": 0.5, "tau_rd": 0.5, "V_T": -1.0},
}


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    x = rng.normal(0.3, 0.8, (6, 5, 4, 4)).astype(np.float32)
    scale = rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)
    zero = np.zeros(1, np.float32)
    return [x, scale, zero, zero, np.zeros(1, np.int64)], {"steps": 3, **PRESETS["resnet20"]}


def _confident_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    inputs, attributes = _example(rng)
    return inputs, {**attributes, "survival": 2**31, "early": 2, "key": 12345}


_DOC = (
    "Neuron with a multi-stage adaptive threshold, over `steps` time steps: I = X_t/scale, D = V - total/t; Theta = 1 "
    "at step 0, later logistic(tau_mp * (alpha*D + V_T + k_a*log(1 + exp(D/k_i))) + tau_rd * exp(-I/C)). It fires "
    "if V + I >= Theta; then V = V + I - Theta and Y_t = scale * Theta. total = total + V."
)
_INPUTS = (CURRENT, SCALE, state_in("V", _POTENTIAL), state_in("total", _TOTAL), STEP)
_OUTPUTS = (VALUES, state_out("V_out", _POTENTIAL), state_out("total_out", _TOTAL), COUNT)
_ATTRIBUTES = (STEPS, *(Attribute(name, _TYPES.FLOAT, doc) for name, doc in _PARAMETERS.items()))
_STATES = {"V": "V_out", "total": "total_out"}

MSAT = register(
    OpDef(
        name="MSATNeuron",
        doc=_DOC,
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        attributes=_ATTRIBUTES,
        reference=reference,
        body=lambda _: _body("", "fires = Identity (reached)"),
        examples=_example,
        stacks="steps",
        membrane=soft_reset,
        with_confidence="ConfidentMSATNeuron",
        states=_STATES,
    )
)

CONFIDENT_MSAT = register(
    OpDef(
        name="ConfidentMSATNeuron",
        doc=f"{_DOC} Before step `early` a spike survives only if hash(key, element, step) < survival.",
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        attributes=(*_ATTRIBUTES, *_CONFIDENCE),
        reference=reference_confident,
        body=lambda _: _body(DRAW_PRELUDE, DRAW),
        examples=_confident_example,
        stacks="steps",
        membrane=soft_reset,
        variant_of="MSATNeuron",
        states=_STATES,
    )
)

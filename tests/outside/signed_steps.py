# SPDX-License-Identifier: Apache-2.0
"""A third-party coding with a custom op: over time steps, spikes of several sizes and both signs.

At each step a neuron adds what arrives to its potential, and sends the largest of n thresholds that the potential
reaches; the potential loses it. Below the negative of a threshold it takes that much back of what it has sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from onnx import defs

from snncc.coding import Coding
from snncc.coding.base import add_neuron
from snncc.coding.settings import OVER_TIME, setting
from snncc.ops.integrate_and_fire import CURRENT
from snncc.ops.one_spike import SCALE, split_table
from snncc.ops.registry import Attribute, OpDef, register
from snncc.ops.spike_rules import soft_reset
from snncc.ops.time_loop import COUNT, STEPS, VALUES, over_steps, run_steps, state_in, state_out


def reference(inputs, attributes):
    """(X, scale, V, sent) -> (Y, V_out, sent_out, count)."""
    x, scale, start, before = inputs
    thresholds = np.asarray(attributes["thresholds"], np.float32)

    def step(_, current, v, sent):
        u = v + current / scale
        z = np.zeros_like(u)
        for threshold in thresholds:
            taken = np.where((u <= -threshold) & (sent >= threshold), -threshold, np.float32(0))
            z = np.where(z == 0, np.where(u >= threshold, threshold, taken), z)
        return z * scale, (z != 0).astype(np.int32), u - z, sent + z

    (y, count), (v, sent) = run_steps(x, attributes, [start, before], step)
    return y.astype(x.dtype), v, sent, count


def body(thresholds):
    """The same in ONNX."""
    lines = ["current = Div (x, scale)", "u = Add (v, current)", "z_0 = Mul (u, zero)"]
    for k in range(thresholds):
        lines += [
            f"below_{k} = Neg (threshold_{k})",
            f"up_{k} = GreaterOrEqual (u, threshold_{k})",
            f"low_{k} = LessOrEqual (u, below_{k})",
            f"has_{k} = GreaterOrEqual (sent, threshold_{k})",
            f"down_{k} = And (low_{k}, has_{k})",
            f"taken_{k} = Where (down_{k}, below_{k}, zero)",
            f"either_{k} = Where (up_{k}, threshold_{k}, taken_{k})",
            f"free_{k} = Equal (z_{k}, zero)",
            f"z_{k + 1} = Where (free_{k}, either_{k}, z_{k})",
        ]
    z = f"z_{thresholds}"
    lines += [f"v_next = Sub (u, {z})", f"sent_next = Add (sent, {z})", f"value = Mul ({z}, scale)"]
    lines += [f"silent = Equal ({z}, zero)", "fires = Not (silent)", "fired = Cast <to = 6> (fires)"]
    prelude = f"zero = Constant <value_float = 0.0> ()\n{split_table('thresholds', thresholds, 'threshold')}"
    return over_steps({"v": "V", "sent": "sent"}, {"value": "Y", "fired": "count"}, "\n".join(lines), prelude)


def examples(rng):
    """Arguments for tests."""
    x = rng.normal(0.3, 0.8, (6, 5)).astype(np.float32)
    return [x, np.ones(1, np.float32), *np.zeros((2, 1), np.float32)], {"steps": 3, "thresholds": [1.0, 0.5]}


NEURON = register(
    OpDef(
        name="SignedThresholdNeuron",
        doc="Sends the largest threshold that the potential reaches, or takes it back.",
        inputs=(CURRENT, SCALE, state_in("V", "Membrane potential"), state_in("sent", "What was sent")),
        outputs=(VALUES, state_out("V_out", "Membrane potential"), state_out("sent_out", "What was sent"), COUNT),
        attributes=(STEPS, Attribute("thresholds", defs.OpSchema.AttrType.FLOATS, "Falling, in units of `scale`.")),
        reference=reference,
        body=body,
        examples=examples,
        table="thresholds",
        stacks="steps",
        membrane=soft_reset,
        states={"V": "V_out", "sent": "sent_out"},
    )
)


@dataclass(frozen=True)
class SignedSteps(Coding):
    """Several thresholds over T time steps."""

    name: ClassVar[str] = "signed-steps"
    title: ClassVar[str] = "Signed spikes of several thresholds over time"
    arguments: ClassVar[dict[str, Any]] = OVER_TIME
    readout: ClassVar[str] = "mean"
    pools_spikes: ClassVar[bool] = True
    steps_field: ClassVar[str] = "T"
    steps_grid: ClassVar[tuple[int, ...]] = (4, 8, 16, 32)
    counts_inactivated_spikes: ClassVar[bool] = True
    T: int = setting(16, "Number of time steps.", least=1)
    thresholds: int = setting(3, "Number of thresholds.", least=1, most=8)

    def attributes(self):
        return {"steps": self.T, "thresholds": (2.0 ** -np.arange(self.thresholds)).tolist()}

    def expected_attributes(self, op, form):  # noqa: ARG002
        return {**self.attributes(), "steps": form.get("chunk", self.T)}

    def neuron(self, graph, potential, scale, name):
        start = {"V": 2.0**-self.thresholds}
        return add_neuron(graph, "SignedThresholdNeuron", potential, scale, self.attributes(), name, start)

    @property
    def slices(self):
        return self.T

    @property
    def largest(self):
        return 1.0

    def code(self, activations):
        x = np.tile(activations.astype(np.float32).reshape(1, -1), (self.T, 1))
        states = np.array([[2.0**-self.thresholds], [0.0]], np.float32)
        sent = reference([x, np.ones(1, np.float32), *states], self.attributes())[0]
        return sent.astype(np.float64).mean(axis=0).reshape(activations.shape)

    @property
    def steps(self):
        return self.T

    @property
    def interval(self):
        return self.T

    def latency(self, layers):  # noqa: ARG002
        return self.T

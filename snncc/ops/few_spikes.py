# SPDX-License-Identifier: Apache-2.0
"""Few-spikes neurons (fs_conversion.txt, eqs. 1 to 3), in their general form.

v <- x/scale + initial; at each step t: z = [v >= thresholds[t]], v <- v - resets[t] z, with spike value values[t].
For a ReLU all three are 2^-t, t = 1 … K; other activations have tables of their own, found by optimisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.closed_forms import few_spikes_body
from snncc.ops.firing import steps_fired
from snncc.ops.one_spike import OUTPUTS, POTENTIAL, SCALE, split_table
from snncc.ops.registry import Attribute, AttributeValues, OpDef, register
from snncc.ops.spike_rules import Activity, SpikeSteps

__all__ = ["FEW_SPIKES", "FS_TABLES", "NEVER"]

NEVER = 2.0**127  # a threshold that no potential reaches: such a step is idle

_TYPES = defs.OpSchema.AttrType

FS_TABLES = (
    Attribute("thresholds", _TYPES.FLOATS, "Potential that a spike of step t needs, in units of `scale`."),
    Attribute("resets", _TYPES.FLOATS, "What a spike of step t takes from the potential, in units of `scale`."),
    Attribute("values", _TYPES.FLOATS, "What a spike of step t is worth to its receivers, in units of `scale`."),
    Attribute("initial", _TYPES.FLOAT, "What is added to the potential before the first step, in units of `scale`."),
)


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """FSNeuron in numpy: (X, scale) -> (Y, count)."""
    x, scale = inputs
    v = x.astype(np.float32) / scale + np.float32(attributes["initial"])
    value = np.zeros(v.shape, np.float32)
    count = np.zeros(v.shape, np.int32)
    tables = (np.asarray(attributes[name], np.float32) for name in ("thresholds", "resets", "values"))
    for threshold, reset, worth in zip(*tables, strict=True):
        fires = v >= threshold
        v = np.where(fires, v - reset, v)
        value[fires] += worth
        count[fires] += 1
    return (value * scale).astype(x.dtype), count


def _fires(potential: Array, scale: Array, attributes: AttributeValues) -> Iterable[Array]:
    return steps_fired("FSNeuronStep", potential, scale, attributes, len(attributes["thresholds"]))


def _membrane(activity: Activity, attributes: AttributeValues) -> Array:
    resets = np.asarray(attributes["resets"], np.float64).reshape(-1, *[1] * (activity.fired.ndim - 1))
    start = activity.arriving[0] + attributes["initial"]
    return np.asarray(start - np.cumsum(resets * activity.fired, axis=0))


def _body(steps: int) -> str:
    lines = ["x = Cast <to = 1> (X)", "u = Div (x, scale)", "initial = Constant <value_float: float = @initial> ()"]
    lines += ["v_0 = Add (u, initial)", "y_0 = Constant <value_float = 0.0> ()"]
    lines += ["n_0 = Constant <value = int32 {0}> ()", split_table("thresholds", steps, "threshold")]
    lines += [split_table("resets", steps, "reset"), split_table("values", steps, "worth")]
    for t in range(steps):
        lines += [
            f"fires_{t} = GreaterOrEqual (v_{t}, threshold_{t})",
            f"less_{t} = Sub (v_{t}, reset_{t})",
            f"v_{t + 1} = Where (fires_{t}, less_{t}, v_{t})",
            f"more_{t} = Add (y_{t}, worth_{t})",
            f"y_{t + 1} = Where (fires_{t}, more_{t}, y_{t})",
            f"z_{t} = Cast <to = 6> (fires_{t})",
            f"n_{t + 1} = Add (n_{t}, z_{t})",
        ]
    lines += [f"value = Mul (y_{steps}, scale)", "Y = CastLike (value, X)", f"count = Identity (n_{steps})"]
    return "\n".join(lines)


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    steps = (2.0 ** -np.arange(1.0, 7)).tolist()
    attributes = {"thresholds": steps, "resets": steps, "values": [0.9 * s for s in steps], "initial": 2.0**-7}
    x = rng.normal(0.3, 0.5, (3, 5, 4, 4)).astype(np.float32)
    return [x, rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)], attributes


FEW_SPIKES = register(
    OpDef(
        name="FSNeuron",
        doc="Few-spikes neuron: v = X/scale + initial; at each step t with v >= thresholds[t] it fires and "
        "v = v - resets[t]. Y = scale * (sum of values[t] over its spikes).",
        inputs=(POTENTIAL, SCALE),
        outputs=OUTPUTS,
        attributes=FS_TABLES,
        reference=reference,
        body=_body,
        short_body=few_spikes_body,
        examples=_example,
        table="thresholds",
        single_step="FSNeuronStep",
        table_padding={"thresholds": NEVER, "resets": 0.0, "values": 0.0},
        spike_steps=SpikeSteps(_fires, tables=("values",), most=lambda a: len(a["values"]), free_values=True),
        membrane=_membrane,
    )
)

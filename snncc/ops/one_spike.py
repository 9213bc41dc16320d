# SPDX-License-Identifier: Apache-2.0
"""One-spike phase neurons: at most one spike, at the first phase whose threshold the potential reaches.

With u = x/scale, p* = the first p with u >= thresholds[p]; the spike carries scale * levels[p*], no spike carries 0
(one_spike.txt, eqs. 3 and 4). All arithmetic is float32, whatever the element type; NaN never fires.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.firing import phase_fires
from snncc.ops.level_search import one_spike_body
from snncc.ops.registry import Attribute, AttributeValues, OpDef, Parameter, register
from snncc.ops.spike_rules import SpikeSteps, remainder

__all__ = ["ONE_SPIKE", "RESIDUAL_ONE_SPIKE", "as_phase"]

_FLOATS = defs.OpSchema.AttrType.FLOATS

TABLES = (
    Attribute(
        "levels", _FLOATS, "What a spike of phase p is worth, in units of `scale`; positive, never rising with p."
    ),
    Attribute(
        "thresholds", _FLOATS, "Potential that a spike of phase p needs, in units of `scale`; never rising with p."
    ),
)
POTENTIAL = Parameter("X", "T", "Pre-activation, bias included: the membrane potential once all input is in.")
SCALE = Parameter("scale", "tensor(float)", "Value of one unit: one element, or one per channel, broadcast to X.")
OUTPUTS = (
    Parameter("Y", "T", "Value of the spikes of each neuron, the shape of X."),
    Parameter("count", "tensor(int32)", "Number of spikes of each neuron, the shape of X.", optional=True),
)


def first_reached(u: Array, levels: Sequence[float], thresholds: Sequence[float]) -> tuple[Array, Array]:
    """(Level of the first phase whose threshold `u` reaches, or 0; the number of spikes, 0 or 1), of the shape of u."""
    value = np.zeros(u.shape, np.float32)
    count = np.zeros(u.shape, np.int32)
    for level, threshold in zip(levels, thresholds, strict=True):
        fires = (count == 0) & (u >= np.float32(threshold))
        value[fires] = np.float32(level)
        count[fires] = 1
    return value, count


def _fire(u: Array, scale: Array, dtype: np.dtype[Any], attributes: AttributeValues) -> tuple[Array, Array]:
    value, count = first_reached(u, attributes["levels"], attributes["thresholds"])
    return (value * scale).astype(dtype), count


ONE_SPIKE_STEPS = SpikeSteps(phase_fires, tables=("levels",))


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """OneSpikeNeuron in numpy: (X, scale) -> (Y, count)."""
    x, scale = inputs
    return _fire(x.astype(np.float32) / scale, scale, x.dtype, attributes)


def reference_residual(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """ResidualOneSpikeNeuron in numpy: (X, scale, residual, weight) -> (Y, count)."""
    x, scale, residual, weight = inputs
    current = residual.astype(np.float32) * weight
    return _fire((x.astype(np.float32) + current) / scale, scale, x.dtype, attributes)


def as_phase(attributes: AttributeValues) -> dict[str, Any]:
    """The attributes of a one-spike neuron, converted to those of the general phase neuron."""
    return {**attributes, "last_thresholds": attributes["thresholds"], "max_spikes": 1, "signed": 0}


def split_table(name: str, steps: int, prefix: str) -> str:
    """Body lines that read the FLOATS attribute `name` into `steps` one-element tensors `{prefix}_0 …`."""
    entries = ", ".join(f"{prefix}_{p}" for p in range(steps))
    return f"{name} = Constant <value_floats: floats = @{name}> ()\n{entries} = Split <num_outputs = {steps}> ({name})"


def selection(potential: str, steps: int, prefix: str = "") -> list[str]:
    """Body lines up to `{prefix}y_0`, the level of the first phase that `potential` reaches, or 0.

    A chain of selections from the last phase to the first, so that the first phase reached determines the result.
    """
    lines = [split_table(f"{prefix}{name}s", steps, f"{prefix}{name}") for name in ("level", "threshold")]
    lines += [f"{prefix}y_{steps} = Constant <value_float = 0.0> ()"]
    for p in reversed(range(steps)):
        lines += [f"{prefix}reached_{p} = GreaterOrEqual ({potential}, {prefix}threshold_{p})"]
        lines += [f"{prefix}y_{p} = Where ({prefix}reached_{p}, {prefix}level_{p}, {prefix}y_{p + 1})"]
    return lines


_GIVEN = "v = Identity (x)"
_JOINED = "r = Cast <to = 1> (residual)\ncurrent = Mul (r, weight)\nv = Add (x, current)"


def _body(potential: str, steps: int) -> str:
    lines = ["x = Cast <to = 1> (X)", potential, "u = Div (v, scale)", *selection("u", steps)]
    # Thresholds never rise, so a neuron that fires at all has reached the last one.
    lines += ["value = Mul (y_0, scale)", "Y = CastLike (value, X)", f"count = Cast <to = 6> (reached_{steps - 1})"]
    return "\n".join(lines)


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    levels = 1.3 ** -np.arange(16.0)
    attributes = {
        "levels": levels.astype(np.float32).tolist(),
        "thresholds": (0.88 * levels).astype(np.float32).tolist(),
    }
    x = rng.normal(0.3, 0.5, (3, 5, 4, 4)).astype(np.float32)
    return [x, rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)], attributes


def _residual_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    (x, scale), attributes = _example(rng)
    residual = rng.normal(0, 0.5, x.shape).astype(np.float32)
    return [x, scale, residual, rng.uniform(0.5, 2, (5, 1, 1)).astype(np.float32)], attributes


ONE_SPIKE = register(
    OpDef(
        name="OneSpikeNeuron",
        doc="One-spike phase neuron: with u = X/scale and p the first phase where u >= thresholds[p], "
        "Y = scale * levels[p]; Y = 0 where no threshold is reached.",
        inputs=(POTENTIAL, SCALE),
        outputs=OUTPUTS,
        attributes=TABLES,
        reference=reference,
        body=lambda steps: _body(_GIVEN, steps),
        short_body=lambda nodes: one_spike_body(nodes, _GIVEN),
        table="levels",
        single_step="PhaseNeuronStep",
        step_attributes=as_phase,
        examples=_example,
        spike_steps=ONE_SPIKE_STEPS,
        membrane=remainder,
        with_residual="ResidualOneSpikeNeuron",
    )
)

RESIDUAL_ONE_SPIKE = register(
    OpDef(
        name="ResidualOneSpikeNeuron",
        doc="One-spike phase neuron at the end of a residual block, with its sum fused: as OneSpikeNeuron, with "
        "u = (X + weight * residual)/scale, every step of it rounded to float32.",
        inputs=(
            POTENTIAL,
            SCALE,
            Parameter("residual", "T", "What arrives through the identity synapses, the shape of X."),
            Parameter("weight", "tensor(float)", "Weight of those synapses: one element, or one per channel."),
        ),
        outputs=OUTPUTS,
        attributes=TABLES,
        reference=reference_residual,
        body=lambda steps: _body(_JOINED, steps),
        short_body=lambda nodes: one_spike_body(nodes, _JOINED),
        table="levels",
        examples=_residual_example,
        arriving=lambda given: given["X"] + given["residual"] * given["weight"],
        spike_steps=ONE_SPIKE_STEPS,
        membrane=remainder,
        variant_of="OneSpikeNeuron",
    )
)

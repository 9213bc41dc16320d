# SPDX-License-Identifier: Apache-2.0
"""Sums over time and their increase: decode and encode values that arrive step by step.

RunningTotal sums its input over time, and Increase returns the difference between steps. Between the two are
non-linear, non-spiking ops: a max pool selects the neuron with the largest sum so far, an analog op reads the mean so
far. With `mean`, a total is the mean over the steps so far. Readout gives the mean after the last step of the call;
LastStep gives the value of that step, where values are estimates of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.registry import Attribute, AttributeValues, OpDef, Parameter, register
from snncc.ops.time_loop import STEP, STEPS, over_steps, run_steps, samples, state_in, state_out, wrapped

__all__ = ["INCREASE", "LAST_STEP", "READOUT", "RUNNING_TOTAL"]

_MEAN = Attribute("mean", defs.OpSchema.AttrType.INT, "1: all steps so far stand as their mean; 0: their sum.")
_TOTAL = "Sum over all steps so far"


def _number(steps: int) -> np.float32:
    """Rounded once, as int64 is."""
    return np.int64(wrapped(steps)).astype(np.float32)


def reference_total(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """RunningTotal in numpy: (X, total, step) -> (Y, total_out)."""
    x, before, first = inputs

    def step(t: int, value: Array, total: Array) -> tuple[Array, ...]:
        total = total + value
        number = _number(int(first.item()) + t + 1)
        return total / number if attributes["mean"] else total, total

    (y,), (total,) = run_steps(x, attributes, [before], step)
    return y.astype(x.dtype), total


def reference_increase(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """Increase in numpy: (X, before, step) -> (Y, before_out)."""
    x, start, first = inputs

    def step(t: int, value: Array, before: Array) -> tuple[Array, ...]:
        number = _number(int(first.item()) + t + 1)
        now = value * number if attributes["mean"] else value
        return now - before, now

    (y,), (before,) = run_steps(x, attributes, [start], step)
    return y.astype(x.dtype), before


def reference_readout(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """Readout in numpy: (X, total, step) -> (Y, total_out)."""
    x, _, first = inputs
    total = reference_total(inputs, {**attributes, "mean": 0})[1]
    return (total / _number(int(first.item()) + attributes["steps"])).astype(x.dtype), total


def reference_last(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:
    """LastStep in numpy: (X, last) -> (Y, last_out)."""
    x, before = inputs
    _, (last,) = run_steps(x, attributes, [before], lambda _, value, __: (value,))
    return last.astype(x.dtype), last


_NUMBER = """passed = Add (step, t)
counted = Add (passed, unit)
number = Cast <to = 1> (counted)
"""
_PRELUDE = """unit = Constant <value_int = 1> ()
flag = Constant <value_int: int = @mean> ()
mean = Cast <to = 9> (flag)
one = Constant <value_float = 1.0> ()"""


def _total_body() -> str:
    step = f"{_NUMBER}total_next = Add (total, x)\nby = Where (mean, number, one)\nvalue = Div (total_next, by)"
    return over_steps({"total": "total"}, {"value": "Y"}, step, _PRELUDE)


def _increase_body() -> str:
    step = f"{_NUMBER}by = Where (mean, number, one)\nbefore_next = Mul (x, by)\nvalue = Sub (before_next, before)"
    return over_steps({"before": "before"}, {"value": "Y"}, step, _PRELUDE)


def _readout_body() -> str:
    loop = over_steps({"total": "total"}, {}, "total_next = Add (total, x)")
    return f"""{loop}
all = Add (step, steps)
number = Cast <to = 1> (all)
value = Div (total_out, number)
Y = CastLike (value, X)"""


def _last_body() -> str:
    return over_steps({"last": "last"}, {}, "last_next = Identity (x)") + "\nY = CastLike (last_out, X)"


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    x = rng.normal(0.3, 0.8, (6, 5, 4, 4)).astype(np.float32)
    return [x, rng.random((2, 5, 4, 4)).astype(np.float32), np.array([4], np.int64)], {"steps": 3, "mean": 1}


def _readout_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    return _example(rng)[0], {"steps": 3}


def _last_example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    return _example(rng)[0][:2], {"steps": 3}


RUNNING_TOTAL = register(
    OpDef(
        name="RunningTotal",
        doc="Sum (or mean) of all values so far, over `steps` time steps: total = total + X_t, Y_t = total, or "
        "total / (step + t + 1) with `mean`.",
        inputs=(Parameter("X", "T", "Values, steps stacked on the first axis."), state_in("total", _TOTAL), STEP),
        outputs=(Parameter("Y", "T", "What has come so far, the shape of X."), state_out("total_out", _TOTAL)),
        attributes=(STEPS, _MEAN),
        reference=reference_total,
        body=lambda _: _total_body(),
        examples=_example,
        neuron=False,
        stacks="steps",
        states={"total": "total_out"},
    )
)

INCREASE = register(
    OpDef(
        name="Increase",
        doc="What each step adds, the inverse of RunningTotal: now = X_t, or X_t * (step + t + 1) with `mean`; "
        "Y_t = now - before, before = now.",
        inputs=(
            Parameter("X", "T", "Sums or means so far, steps stacked on the first axis."),
            state_in("before", _TOTAL),
            STEP,
        ),
        outputs=(Parameter("Y", "T", "What each step adds, the shape of X."), state_out("before_out", _TOTAL)),
        attributes=(STEPS, _MEAN),
        reference=reference_increase,
        body=lambda _: _increase_body(),
        examples=_example,
        neuron=False,
        stacks="steps",
        states={"before": "before_out"},
    )
)

READOUT = register(
    OpDef(
        name="Readout",
        doc="Mean of the output's potentials over all steps so far: total = total + X_t for every step of this call, "
        "then Y = total / (step + steps).",
        inputs=(Parameter("X", "T", "Potentials, steps stacked on the first axis."), state_in("total", _TOTAL), STEP),
        outputs=(
            Parameter("Y", "T", "Their mean, of the shape of one step.", rows=samples),
            state_out("total_out", _TOTAL),
        ),
        attributes=(STEPS,),
        reference=reference_readout,
        body=lambda _: _readout_body(),
        examples=_readout_example,
        neuron=False,
        states={"total": "total_out"},
    )
)

LAST_STEP = register(
    OpDef(
        name="LastStep",
        doc="Values of the last time step of this call.",
        inputs=(
            Parameter("X", "T", "Values, steps stacked on the first axis."),
            state_in("last", "Values of the last step"),
        ),
        outputs=(
            Parameter("Y", "T", "Values of the last step, of the shape of one step.", rows=samples),
            state_out("last_out", "Values of the last step"),
        ),
        attributes=(STEPS,),
        reference=reference_last,
        body=lambda _: _last_body(),
        examples=_last_example,
        neuron=False,
        states={"last": "last_out"},
    )
)

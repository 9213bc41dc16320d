# SPDX-License-Identifier: Apache-2.0
"""Common parts of the ops that run over time.

Their X holds `steps` time steps, stacked on the batch axis: row t*N + n is sample n at step t of this call. The states
of a neuron are inputs and outputs, so that a network may run all its steps in one call (the folded form), several per
iteration of a loop, or a single one, with the same arithmetic at each step. A state may enter as one element for all
neurons; it is returned with N rows. States are float32.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import defs

from snncc.ops.arrays import Array
from snncc.ops.registry import Attribute, AttributeValues, Parameter

__all__ = ["COUNT", "STEP", "STEPS", "VALUES", "over_steps", "run_steps", "samples", "state_in", "state_out", "wrapped"]

STEPS = Attribute("steps", defs.OpSchema.AttrType.INT, "Time steps stacked on the first axis of X, at least 1.")
STEP = Parameter("step", "tensor(int64)", "One element: the number of the first time step of this call, from 0.")
VALUES = Parameter("Y", "T", "Value that each neuron emits at each step, the shape of X.")
COUNT = Parameter("count", "tensor(int32)", "Number of spikes at each step, 0 or 1, the shape of X.", optional=True)


def wrapped(number: int) -> int:
    """A step number wrapped to int64, since counters are inputs with arbitrary values."""
    return (number + 2**63) % 2**64 - 2**63


def samples(rows: int, attributes: AttributeValues) -> int:
    """Rows of one time step."""
    return rows // int(attributes["steps"])


def state_in(name: str, doc: str) -> Parameter:
    """The input of a state."""
    return Parameter(name, "tensor(float)", f"{doc}, before this call: one element, or of the shape of one step.")


def state_out(name: str, doc: str) -> Parameter:
    """The output of a state."""
    return Parameter(name, "tensor(float)", f"{doc}, after this call.", optional=True, rows=samples)


def run_steps(
    x: Array, attributes: AttributeValues, states: Sequence[Array], step: Callable[..., tuple[Array, ...]]
) -> tuple[list[Array], list[Array]]:
    """(Stacked results, states after the last step) of `step(t, x_t, *states) -> (*results, *states)`."""
    count = operator.index(attributes["steps"])
    slices = x.reshape(count, x.shape[0] // count, *x.shape[1:]).astype(np.float32)
    now = [np.broadcast_to(np.asarray(s, np.float32), slices.shape[1:]).copy() for s in states]
    stacked: list[tuple[Array, ...]] = []
    for t in range(count):
        out = step(t, slices[t], *now)
        split = len(out) - len(now)
        stacked.append(out[:split])
        now = list(out[split:])
    results = [np.concatenate(column).reshape(x.shape) for column in zip(*stacked, strict=True)]
    return results, now


def over_steps(states: Mapping[str, str], results: Mapping[str, str], step: str, prelude: str = "") -> str:
    """The body's Loop over the steps of X.

    Args:
        states: By the name that `step` reads (as `{name}`): the input that brings the state in. It leaves the step as
            `{name}_next` and the body as `{input}_out`.
        results: By the name that `step` writes: the body's output.
        step: Lines for one step: they read `x` (float32, one step), `t` (int64, the step's number within this call) and
            whatever the body has before the Loop.
        prelude: Lines before the Loop.
    """
    lines = ["steps = Constant <value_int: int = @steps> ()", "true = Constant <value = bool {1}> ()"]
    lines += ["first = Constant <value_ints = [0]> ()", "rest = Shape <start = 1> (X)"]
    lines += ["rows = Shape <start = 0, end = 1> (X)", "n = Div (rows, steps)", "sample = Concat <axis = 0> (n, rest)"]
    lines += [f"{name}_start = Expand ({source}, sample)" for name, source in states.items()]
    lines += [prelude] if prelude else []
    outer = [f"{source}_out" for source in states.values()] + [f"{name}_steps" for name in results]
    inner = [f"{name}_next" for name in states] + list(results)
    lines += [
        f"{', '.join(outer)} = Loop <body = one_step (int64 t, bool go, {', '.join(states)})"
        f" => (go_on, {', '.join(inner)}) {{",
        "begin = Mul (t, n)",
        "end = Add (begin, n)",
        "x_given = Slice (X, begin, end, first)",
        "x = Cast <to = 1> (x_given)",
        step,
        "go_on = Identity (go)",
        f"}}> (steps, true, {', '.join(f'{name}_start' for name in states)})",
        "shape = Shape (X)",
    ]
    for name, output in results.items():
        folded = f"{name}_folded = Reshape <allowzero = 1> ({name}_steps, shape)"
        ending = f"{output} = CastLike ({name}_folded, X)" if output == "Y" else f"{output} = Identity ({name}_folded)"
        lines += [folded, ending]
    return "\n".join(lines)

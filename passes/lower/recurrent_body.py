# SPDX-License-Identifier: Apache-2.0
"""One step of a recurrent layer as the body of an ONNX Scan: (states, input currents) -> (states, output).

With z = W x + b computed before the loop, and Pᵢ, Pₒ, P_f of peepholes only:

    LSTM   i, f = σ(z + R h + P c)   g = tanh(z + R h)   c' = f c + i g   o = σ(z + R h + Pₒ c')   h' = o tanh(c')
    GRU    u, r = σ(z + R h)   g = tanh(z + R (r h) + b), or tanh(z + r (R h + b))   h' = (1 - u) g + u h
    RNN    h' = tanh(z + R h)

Every activation is a gate, which the caller makes a neuron; the products of gates and states are analog.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from snncc.analysis.recurrent_layers import GATES, Layer, Side

__all__ = ["Body", "Gate", "extent_of", "scan_body"]


class Body:
    """The nodes and weights of one step, with names that start with `prefix`."""

    def __init__(self, prefix: str, dtype: np.dtype[Any]) -> None:
        self.prefix, self.dtype = prefix, dtype
        self.nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}

    def name(self, name: str) -> str:
        """The full name of a tensor."""
        return f"{self.prefix}/{name}"

    def add(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node of ONNX, called `name`, and return its output, which has the same name."""
        self.nodes.append(helper.make_node(op, inputs, [self.name(name)], self.name(name), **attributes))
        return self.name(name)

    def weight(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """A constant, of the element type of the states unless another is given."""
        full = self.name(name)
        self._weights[full] = numpy_helper.from_array(np.asarray(value, dtype or self.dtype), full)
        return full

    def graph(self, inputs: list[str], outputs: list[str]) -> onnx.GraphProto:
        """The body; the Scan determines types and shapes."""
        taken, given = ([onnx.ValueInfoProto(name=name) for name in names] for names in (inputs, outputs))
        return helper.make_graph(self.nodes, self.prefix, taken, given, list(self._weights.values()))


# (body, activation, potential, its largest magnitude if it is clipped, name of the gate) -> what it sends
Gate = Callable[[Body, str, str, float | None, str], str]


def extent_of(node: str, side: str, gate: str) -> str:
    """The name under which the value range of a gate's potential is recorded."""
    return f"{node}/{side}/{gate}"


def scan_body(layer: Layer, side: Side, gate: Gate, prefix: str, dtype: np.dtype[Any]) -> onnx.GraphProto:
    """The step of one direction; with sequence lengths, its last input is a mask [N, 1]."""
    body = Body(prefix, dtype)
    states, current, mask = [body.name(s) for s in layer.states], body.name("z"), body.name("mask")
    after = _STEPS[layer.op](_Step(body, layer, side, gate), current, *states)
    sent = body.add("Identity", [after[0]], "y")
    inputs = [*states, current]
    if layer.lengths is not None:
        inputs.append(mask)
        sent = body.add("Where", [mask, sent, body.weight("zero", 0)], "y_masked")
        after = [
            body.add("Where", [mask, new, old], f"{old.rpartition('/')[2]}_masked")
            for new, old in zip(after, states, strict=True)
        ]
    return body.graph(inputs, [*after, sent])


class _Step:
    """Helpers of one step."""

    def __init__(self, body: Body, layer: Layer, side: Side, gate: Gate) -> None:
        self.body, self.layer, self.side = body, layer, side
        self._gate = gate

    def split(self, current: str, name: str, parts: list[str]) -> list[str]:
        """[N, parts · units] cut into one tensor for each part."""
        if len(parts) == 1:
            return [current]
        outputs = [self.body.name(f"{name}_{part}") for part in parts]
        full = self.body.name(name)
        self.body.nodes.append(helper.make_node("Split", [current], outputs, full, axis=1, num_outputs=len(parts)))
        return outputs

    def recurrent(self, state: str, gates: slice, name: str) -> str:
        """R h for some of the gates."""
        matrix = np.concatenate(list(self.side.R[gates])).T
        return self.body.add("MatMul", [state, self.body.weight(f"{name}_R", matrix)], name)

    def fire(self, which: int, potential: str, name: str, *, clipped: bool = True) -> str:
        """Add the gate `name` with activation number `which` of the layer."""
        bound = self.layer.clip if clipped else None
        if bound is not None:
            potential = self.body.add("Max", [potential, self.body.weight("lowest", -bound)], f"{name}_from")
            potential = self.body.add("Min", [potential, self.body.weight("highest", bound)], f"{name}_to")
        return self._gate(self.body, self.side.activations[which], potential, bound, name)

    def peep(self, potential: str, which: int, cell: str, name: str) -> str:
        """Add the peephole term, the cell state's contribution to a gate."""
        if self.side.P is None:
            return potential
        seen = self.body.add("Mul", [cell, self.body.weight(f"{name}_P", self.side.P[which])], f"{name}_seen")
        return self.body.add("Add", [potential, seen], f"{name}_with_cell")


def _lstm(step: _Step, current: str, h: str, c: str) -> list[str]:
    body = step.body
    total = body.add("Add", [current, step.recurrent(h, slice(None), "recurrent")], "potential")
    i, o, f, g = step.split(total, "of", list(GATES["LSTM"]))
    i = step.fire(0, step.peep(i, 0, c, "input"), "input")
    if step.layer.coupled:
        f = body.add("Sub", [body.weight("one", 1), i], "forget")
    else:
        f = step.fire(0, step.peep(f, 2, c, "forget"), "forget")
    new = body.add("Mul", [i, step.fire(1, g, "cell")], "stored")
    c = body.add("Add", [body.add("Mul", [f, c], "kept"), new], "c_next")
    o = step.fire(0, step.peep(o, 1, c, "output"), "output")
    return [body.add("Mul", [o, step.fire(2, c, "state", clipped=False)], "h_next"), c]


def _gru(step: _Step, current: str, h: str) -> list[str]:
    body, side = step.body, step.side
    u, r, g = step.split(current, "of", list(GATES["GRU"]))
    both = step.split(step.recurrent(h, slice(0, 2), "recurrent"), "to", list(GATES["GRU"][:2]))
    u = step.fire(0, body.add("Add", [u, both[0]], "update_potential"), "update")
    r = step.fire(0, body.add("Add", [r, both[1]], "reset_potential"), "reset")
    bias = body.weight("hidden_Rb", side.Rb[2])
    if step.layer.reset_last:
        state = body.add("Add", [step.recurrent(h, slice(2, 3), "hidden_recurrent"), bias], "hidden_biased")
        state = body.add("Mul", [r, state], "hidden_reset")
    else:
        state = step.recurrent(body.add("Mul", [r, h], "h_reset"), slice(2, 3), "hidden_recurrent")
        state = body.add("Add", [state, bias], "hidden_biased")
    g = step.fire(1, body.add("Add", [g, state], "hidden_potential"), "hidden")
    rest = body.add("Sub", [body.weight("one", 1), u], "rest")
    kept, new = body.add("Mul", [u, h], "kept"), body.add("Mul", [rest, g], "stored")
    return [body.add("Add", [new, kept], "h_next")]


def _rnn(step: _Step, current: str, h: str) -> list[str]:
    total = step.body.add("Add", [current, step.recurrent(h, slice(None), "recurrent")], "potential")
    return [step.fire(0, total, "hidden")]


_STEPS: dict[str, Callable[..., list[str]]] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}

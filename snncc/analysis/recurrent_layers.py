# SPDX-License-Identifier: Apache-2.0
"""Common interface to LSTM, GRU and RNN nodes: weights by gate and direction, activations, unsupported options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array

__all__ = ["GATES", "Layer", "Side", "layer_of", "unsupported_recurrent"]

# By op: the gates that it computes from its input at each step, in the order of its weights.
GATES = {"LSTM": ("input", "output", "forget", "cell"), "GRU": ("update", "reset", "hidden"), "RNN": ("hidden",)}
_DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_CURVES = ("Sigmoid", "Tanh", "HardSigmoid", "Relu")
_HARD = {"activation_alpha": 0.2, "activation_beta": 0.5}
_DIRECTIONS = {"forward": ("forward",), "reverse": ("reverse",), "bidirectional": ("forward", "reverse")}
# Positions among the inputs.
_BIAS, _LENGTHS, _STATES, _PEEPHOLES = 3, 4, (5, 6), 7


@dataclass(frozen=True, eq=False)
class Side:
    """One direction: W (gates, units, features), R (gates, units, units), both biases (gates, units)."""

    name: str
    W: Array
    R: Array
    Wb: Array
    Rb: Array
    P: Array | None
    activations: tuple[str, ...]

    @property
    def backwards(self) -> bool:
        """Whether it reads the sequence from its end."""
        return self.name == "reverse"


@dataclass(frozen=True, eq=False)
class Layer:
    """A recurrent node.

    Attributes:
        op: LSTM, GRU or RNN.
        units: Size of its state.
        sides: One for each direction.
        clip: Largest magnitude of what goes into an activation; None: any.
        coupled: LSTM: the forget gate is one minus the input gate.
        reset_last: GRU: the reset gate acts on R h + b instead of on h.
        lengths: The tensor of each sample's number of steps; None: all are as long.
        initial: The tensors of the states before the first step; None: 0.
    """

    op: str
    units: int
    sides: tuple[Side, ...]
    clip: float | None
    coupled: bool
    reset_last: bool
    lengths: Tensor | None
    initial: tuple[Tensor | None, ...]

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are passed from step to step."""
        return ("h", "c") if self.op == "LSTM" else ("h",)


def layer_of(graph: Graph, node: Node) -> Layer:
    """The layer that `node`, which must have no `unsupported_recurrent`, computes."""
    gates, units = len(GATES[node.op]), _units(graph, node)
    W, R = (_value(graph, node, i) for i in (1, 2))
    assert W is not None
    assert R is not None
    bias = _value(graph, node, _BIAS)
    bias = np.zeros((len(W), 2 * gates * units), W.dtype) if bias is None else bias
    peepholes = _value(graph, node, _PEEPHOLES) if node.op == "LSTM" else None
    given, each = _activations(node), len(_DEFAULTS[node.op])
    sides = []
    for d, name in enumerate(_directions(node)):
        Wb, Rb = bias[d].reshape(2, gates, units)
        P = None if peepholes is None else peepholes[d].reshape(3, units)
        weights = (W[d].reshape(gates, units, -1), R[d].reshape(gates, units, units))
        sides.append(Side(name, *weights, Wb, Rb, P, tuple(given[d * each : (d + 1) * each])))
    clip = float(node.attrs.get("clip", 0.0))
    return Layer(
        node.op,
        units,
        tuple(sides),
        clip if clip > 0 else None,
        bool(node.attrs.get("input_forget", 0)),
        bool(node.attrs.get("linear_before_reset", 0)),
        _input(node, _LENGTHS),
        tuple(_input(node, i) for i in (_STATES if node.op == "LSTM" else _STATES[:1])),
    )


def unsupported_recurrent(graph: Graph, node: Node) -> str | None:
    """Why a recurrent node cannot be converted, None if it can."""
    names = ("W", "R", "B", "P")
    for name, index in zip(names, (1, 2, _BIAS, _PEEPHOLES), strict=True):
        tensor = _input(node, index)
        if tensor is not None and graph.value(tensor) is None:
            return f"dynamic weight {name} '{tensor.name}', export with constant folding"
    if (weights := graph.value(node.inputs[1])) is not None and weights.dtype != np.float32:
        return f"in {weights.dtype}, in which onnxruntime does not run it; convert the float32 model"
    return _odd_activation(node) or _odd_state(graph, node)


def _odd_activation(node: Node) -> str | None:
    given, expected = _activations(node), len(_DEFAULTS[node.op]) * len(_directions(node))
    if len(given) != expected:
        return f"has {len(given)} activations, not {expected}"
    odd = [a for a in given if a not in _CURVES]
    if odd:
        return f"activation {odd[0]} has no few-spikes neuron here; train with {', '.join(_CURVES[:3])}"
    shaped = any(not np.allclose(node.attrs.get(name) or value, value) for name, value in _HARD.items())
    if "HardSigmoid" in given and shaped:
        return "HardSigmoid with another slope than 0.2 or another offset than 0.5; train with these"
    if "Relu" in given and node.op != "RNN":
        return "activation Relu, of unknown range inside the layer; train with Tanh, or use an RNN"
    return None


def _odd_state(graph: Graph, node: Node) -> str | None:
    for index in _STATES:
        tensor, value = _input(node, index), _value(graph, node, index)
        if tensor is not None and value is not None and (value != value[:, :1]).any():
            return f"initial state '{tensor.name}' differs from sample to sample; make it the same for all"
    return None


def _directions(node: Node) -> tuple[str, ...]:
    return _DIRECTIONS[node.attrs.get("direction", "forward")]


def _activations(node: Node) -> Sequence[str]:
    given: Sequence[str] = node.attrs.get("activations") or _DEFAULTS[node.op] * len(_directions(node))
    known = {name.lower(): name for name in _CURVES}
    return [known.get(name.lower(), name) for name in given]


def _units(graph: Graph, node: Node) -> int:
    R = _value(graph, node, 2)
    assert R is not None
    return int(R.shape[-1])


def _input(node: Node, index: int) -> Tensor | None:
    return node.inputs[index] if len(node.inputs) > index and node.inputs[index].name else None


def _value(graph: Graph, node: Node, index: int) -> Array | None:
    tensor = _input(node, index)
    return None if tensor is None else graph.value(tensor)

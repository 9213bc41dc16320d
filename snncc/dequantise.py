# SPDX-License-Identifier: Apache-2.0
"""From a statically quantised network (QDQ or QOperator format) back to the float network that it stands for.

Weights and biases are dequantised. QuantizeLinear of an activation rounds, which a spiking network does in its own way,
and clips to the range of its integers. That matters where a quantiser has left the ReLU out because the range begins
at 0: there the ReLU comes back, with the end of the range as ceiling. Elsewhere the range is that of all values seen.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from snncc.errors import UnsupportedOpError, UnsupportedShapeError
from snncc.qoperators import is_q_operator, spelled_out
from snncc.quantised_constants import evaluated
from snncc.scopes import names_of, reads

__all__ = ["dequantised", "refuse_quantised"]

log = logging.getLogger("snncc")

Array = npt.NDArray[Any]

_PAIR = ("QuantizeLinear", "DequantizeLinear")
_DYNAMIC = ("ConvInteger", "MatMulInteger", "DynamicQuantize")
_PREFIXES = ("QLinear", "QGemm", *_PAIR, *_DYNAMIC)
_SYNAPSES = frozenset({"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"})
_MOVES = frozenset(
    {"Concat", "Dropout", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Slice", "Split"}
    | {"Squeeze", "Transpose", "Unsqueeze"}
)
_POSITIVE = frozenset({"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus"})
_SUMS = frozenset({"Add", "Concat", "Mul", "Sum"})
_POOLS = frozenset({"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMax", "ReduceMean"})


def dequantised(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`model` without quantisation; itself if it has none.

    Raises:
        UnsupportedOpError: it is quantised in a way that has no float network: with scales from each input, with
            arithmetic on integers, or with integers as output.
        UnsupportedShapeError: its input is quantised.
    """
    if not any(is_q_operator(n) or n.op_type in _PAIR for n in model.graph.node):
        return model
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    work = _Dequantiser(plain.graph, name)
    work.run()
    log.info("a quantised model: %d weights and biases dequantised, %d ReLUs brought back", work.weights, work.relus)
    used = {n.domain for n in plain.graph.node}
    opsets = [o for o in plain.opset_import if o.domain in ("", "ai.onnx") or o.domain in used]
    del plain.opset_import[:]
    plain.opset_import.extend(opsets)
    return plain


def refuse_quantised(model: onnx.ModelProto, name: str) -> None:
    """Raise UnsupportedOpError, naming one of them, for ops on quantised values."""
    nodes = [n for n in model.graph.node if n.op_type.startswith(_PREFIXES)]
    if nodes:
        message = f"{name}: a quantised model ({len(nodes)} quantisation nodes, the first is {_called(nodes[0])})"
        way_out = "Give snncc the float model that it was made from, or one from onnxruntime's quantize_static."
        raise UnsupportedOpError(f"{message}. {way_out}")


class _Dequantiser:
    """Rewrites the nodes of a graph one by one, in their order."""

    def __init__(self, graph: onnx.GraphProto, name: str) -> None:
        self.graph = graph
        self.name = name
        self.made: dict[str, Array] = {}  # constants that take the place of nodes
        self.relus = self.weights = 0
        self._stored = {t.name: t for t in graph.initializer}
        self._inputs = {i.name for i in graph.input} - self._stored.keys()
        self._quantised: dict[str, list[str]] = {}  # activations that were integers: their scale and zero point
        self._positive: set[str] = set()
        self._weighted: set[str] = set()  # what comes from synapses
        self._taken = set(names_of(graph))
        self._bias_scales: set[str] = set()  # what spelling out adds to make scales of biases

    def run(self) -> None:
        """Rewrite the graph."""
        nodes = [part for n in self.graph.node for part in self._spelled_out(n)]
        kept = [new for node in nodes for new in self._rewritten(node)]
        for output in self.graph.output:
            if output.name in self._quantised:
                way_out = "End it with DequantizeLinear, or give snncc the float model"
                raise UnsupportedOpError(f"{self.name}: its output '{output.name}' is quantised. {way_out}.")
        del self.graph.node[:], self.graph.value_info[:]
        self.graph.node.extend(kept)
        read = {i for n in kept for i in reads(n)}
        weights = [t for t in self.graph.initializer if t.name in read]
        del self.graph.initializer[:]
        self.graph.initializer.extend(weights)
        self.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in self.made.items() if k in read)

    def _spelled_out(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        """The float op in place of a quantised one, between nodes that dequantise and quantise."""
        if not is_q_operator(node):
            return [node]
        parts = list(spelled_out(node, self._fresh))
        if node.op_type != "QLinearMul":
            self._bias_scales.update(part.output[0] for part in parts if part.op_type == "Mul")
        return parts

    def _fresh(self, name: str) -> str:
        """A name like `name` that nothing in the graph has."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _rewritten(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            self._stored[node.output[0]] = node.attribute[0].t
        constants = [self._value(i) for i in node.input if i]
        if (node.op_type in _PAIR or node.output[0] in self._bias_scales) and all(v is not None for v in constants):
            self.weights += node.op_type == "DequantizeLinear"
            self.made[node.output[0]] = evaluated(node, [v for v in constants if v is not None])
            return []
        if node.op_type in _PAIR:
            return [self._activation(node)]
        self._follow(node)
        return [node]

    def _activation(self, node: onnx.NodeProto) -> onnx.NodeProto:
        source, result = node.input[0], node.output[0]
        if source in self._inputs and node.op_type == "DequantizeLinear":
            way_out = "Give it a float input with QuantizeLinear behind it, or give snncc the float model"
            raise UnsupportedShapeError(f"{self.name}: its input '{source}' is quantised. {way_out}.")
        low, high = self._range(node)
        relu = node.op_type == "QuantizeLinear" and low == 0 and source in self._weighted - self._positive
        if source in self._weighted:
            self._weighted.add(result)
        if low == 0 or source in self._positive:
            self._positive.add(result)
        if node.op_type == "QuantizeLinear":
            self._quantised[result] = list(node.input[1:])
        if not relu:
            return helper.make_node("Identity", [source], [result], name=node.name)
        self.relus += 1
        bounds = {f"{result}/floor": 0.0, f"{result}/ceiling": high}
        kind = self._value(node.input[1])
        self.made |= {key: np.asarray(v, None if kind is None else kind.dtype) for key, v in bounds.items()}
        return helper.make_node("Clip", [source, *bounds], [result], name=node.name)

    def _range(self, node: onnx.NodeProto) -> tuple[float, float]:
        """The (lowest, highest) value that the integers of an activation stand for."""
        scale = self._value(node.input[1])
        zero = self._value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(1, np.uint8)
        if scale is None or zero is None or scale.size != 1:
            what = "is computed" if scale is None or zero is None else "differs between channels"
            message = f"{self.name}: {_called(node)} quantises an activation with a scale that {what}"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        if zero.dtype.kind not in "iu":
            message = f"{self.name}: {_called(node)} quantises to {zero.dtype}"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        limits = np.iinfo(zero.dtype)
        low, high = ((int(end) - int(zero.item())) * float(scale.item()) for end in (limits.min, limits.max))
        return low, high

    def _follow(self, node: onnx.NodeProto) -> None:
        """What a node that stays makes of what is known of its inputs."""
        integers = [self._quantised[i] for i in node.input if i in self._quantised]
        if integers and node.op_type == "Pad":
            self._pad(node, integers[0])
        elif integers and node.op_type not in _MOVES:
            message = f"{self.name}: {_called(node)} computes with quantised values"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        for result in node.output:
            if integers:
                self._quantised[result] = integers[0]
            if node.op_type in _SYNAPSES or not self._weighted.isdisjoint(node.input):
                self._weighted.add(result)
            if self._none_negative(node):
                self._positive.add(result)

    def _pad(self, node: onnx.NodeProto, quantisation: list[str]) -> None:
        """What fills the frame of integers becomes the value that it stands for."""
        fill = self._value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros((), np.uint8)
        given = [self._value(i) for i in quantisation if i]
        if fill is None or any(v is None for v in given):
            message = f"{self.name}: {_called(node)} pads quantised values with a computed one"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        meaning = helper.make_node("DequantizeLinear", ["fill", *quantisation], [f"{node.output[0]}/fill"])
        self.made[meaning.output[0]] = evaluated(meaning, [fill, *(v for v in given if v is not None)])
        node.input[:] = [*node.input[:2], meaning.output[0], *node.input[3:]]

    def _none_negative(self, node: onnx.NodeProto) -> bool:
        """Whether no value that `node` gives can be negative, by its op and what is known of its inputs."""
        match node.op_type:
            case "Clip":
                values = node.input[1:2]
            case "Pad":
                values = [node.input[0], *filter(None, node.input[2:3])]
            case op if op in _SUMS:
                values = node.input
            case op if op in _MOVES | _POOLS:
                values = node.input[:1]
            case op:
                return op in _POSITIVE
        constants = {i: self._value(i) for i in values}
        known = (i in self._positive or (v is not None and (v >= 0).all()) for i, v in constants.items())
        return bool(constants) and all(known)

    def _value(self, tensor: str) -> Array | None:
        if tensor in self.made:
            return self.made[tensor]
        return numpy_helper.to_array(self._stored[tensor]) if tensor in self._stored else None


def _called(node: onnx.NodeProto) -> str:
    return f"{node.op_type} '{node.name or node.output[0]}'"

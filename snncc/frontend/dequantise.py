# SPDX-License-Identifier: Apache-2.0
"""Convert a quantised network (QDQ, QOperator or dynamic quantisation) to the float network that it represents.

Weights and biases are dequantised. QuantizeLinear of an activation rounds, which a spiking network does by its own
code, and clips to the range of its integers. The range matters where a quantiser has removed the ReLU because the range
starts at 0: there the ReLU is restored, with the end of the range as upper bound. Elsewhere the range is that of all
calibrated values. Scales that depend on the input (DynamicQuantizeLinear) cover the whole range: nothing is clipped,
and steps count as 1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.errors import UnsupportedOpError
from snncc.frontend.integer_ops import ONE, PRODUCTS, is_integer_op, spelled_out_integers
from snncc.frontend.qoperators import expand_qoperator, is_q_operator
from snncc.frontend.quantised_constants import evaluated
from snncc.frontend.requantised import Spelled, integers, looked_up, rescaled
from snncc.frontend.signs import KEEPING, none_negative
from snncc.ir.op_sets import SYNAPSES
from snncc.ir.scopes import names_of, reads
from snncc.ops.arrays import Array
from snncc.storage.mapped import array_of

__all__ = ["dequantised", "refuse_quantised"]

log = logging.getLogger("snncc")

_PAIR = ("QuantizeLinear", "DequantizeLinear")
_DYNAMIC = "DynamicQuantizeLinear"
_PREFIXES = ("QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantize", *_PAIR)
_SYNAPSES = frozenset({*SYNAPSES, "BatchNormalization", "FusedConv", "FusedGemm"})


def dequantised(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`model` without quantisation; itself if it has none.

    Raises:
        UnsupportedOpError: it is quantised in a way that has no float network: with arithmetic on integers, or with
            integers as output.
    """
    if not any(is_q_operator(n) or is_integer_op(n) or n.op_type in (*_PAIR, _DYNAMIC) for n in model.graph.node):
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
        remedy = "Give snncc the float model that it was made from, or one from onnxruntime's quantize_static."
        raise UnsupportedOpError(f"{message}. {remedy}")


class _Dequantiser:
    """Rewrites the nodes of a graph one by one, in their order."""

    def __init__(self, graph: onnx.GraphProto, name: str) -> None:
        self.graph = graph
        self.name = name
        self.made: dict[str, Array] = {ONE: np.ones((), np.float32)}  # constants that take the place of nodes
        self.relus = self.weights = 0
        self._stored = {t.name: t for t in graph.initializer}
        self._inputs = {i.name for i in graph.input} - self._stored.keys()
        self._quantised: dict[str, list[str]] = {}  # activations that were integers: their scale and zero point
        self._positive: set[str] = set()
        self._weighted: set[str] = set()  # what comes from synapses
        self._taken = set(names_of(graph))
        self._bias_scales: set[str] = set()  # nodes that the expansion adds to compute scales of biases
        self._made_by: dict[str, onnx.NodeProto] = {}  # the nodes that stay, by their first output
        self._products: set[str] = set()  # of integers, which are float ones now
        self._steps: set[str] = set()  # scales that each input decided

    def run(self) -> None:
        """Rewrite the graph."""
        self._products = {n.output[0] for n in self.graph.node if n.op_type in PRODUCTS}
        nodes = [part for n in self.graph.node for part in self._spelled_out(n)]
        kept = [new for node in nodes for new in self._rewritten(node)]
        for output in self.graph.output:
            if output.name in self._quantised:
                remedy = "End it with DequantizeLinear, or give snncc the float model"
                raise UnsupportedOpError(f"{self.name}: its output '{output.name}' is quantised. {remedy}.")
        del self.graph.node[:], self.graph.value_info[:]
        self.graph.node.extend(kept)
        read = {i for n in kept for i in reads(n)}
        weights = [t for t in self.graph.initializer if t.name in read]
        del self.graph.initializer[:]
        self.graph.initializer.extend(weights)
        self.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in self.made.items() if k in read)

    def _spelled_out(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        """The float op instead of a quantised one, between nodes that dequantise and quantise."""
        if is_integer_op(node):
            return spelled_out_integers(node)
        if not is_q_operator(node):
            return [node]
        parts = list(expand_qoperator(node, self._fresh))
        if node.op_type != "QLinearMul":
            self._bias_scales.update(part.output[0] for part in parts if part.op_type == "Mul")
        return parts

    def _fresh(self, name: str) -> str:
        """An unused name similar to `name`."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _rewritten(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            self._stored[node.output[0]] = node.attribute[0].t
        constants = [self._value(i) for i in node.input if i]
        foldable = node.op_type in _PAIR or node.output[0] in self._bias_scales or self._scales_product(node)
        if foldable and all(v is not None for v in constants):
            self.weights += node.op_type == "DequantizeLinear"
            self.made[node.output[0]] = evaluated(node, [v for v in constants if v is not None])
            return []
        match node.op_type:
            case "DynamicQuantizeLinear":
                new = [self._dynamic_scale(node)]
            case "QuantizeLinear":
                new = [self._activation(node)]
            case "DequantizeLinear":
                new = self._float(node)
            case _:
                new = [self._follow(node)]
        self._made_by |= {n.output[0]: n for n in new}
        return new

    def _scales_product(self, node: onnx.NodeProto) -> bool:
        """Whether `node` computes the scale of a product of integers."""
        return node.op_type == "Mul" and any(i in self._steps for i in node.input)

    def _dynamic_scale(self, node: onnx.NodeProto) -> onnx.NodeProto:
        source, (result, scale, zero) = node.input[0], node.output
        self.made |= {scale: np.ones((), np.float32), zero: np.zeros((), np.uint8)}
        self._steps.add(scale)
        self._quantised[result] = [scale, zero]
        for known in (self._weighted, self._positive):
            if source in known:
                known.add(result)
        return helper.make_node("Identity", [source], [result], name=node.name)

    def _activation(self, node: onnx.NodeProto) -> onnx.NodeProto:
        source, result = node.input[0], node.output[0]
        low, high = self._range(node)
        relu = low == 0 and source in self._weighted - self._positive
        if source in self._weighted:
            self._weighted.add(result)
        if low == 0 or source in self._positive:
            self._positive.add(result)
        self._quantised[result] = list(node.input[1:])
        if not relu:
            return helper.make_node("Identity", [source], [result], name=node.name)
        self.relus += 1
        bounds = {f"{result}/floor": 0.0, f"{result}/ceiling": high}
        kind = self._value(node.input[1])
        self.made |= {key: np.asarray(v, None if kind is None else kind.dtype) for key, v in bounds.items()}
        return helper.make_node("Clip", [source, *bounds], [result], name=node.name)

    def _float(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """DequantizeLinear of quantised values, of a part of a constant, or of integer inputs."""
        source, result = node.input[0], node.output[0]
        given = self._quantised.get(source)
        if given is None:
            return self._of_integers(node)
        for known in (self._weighted, self._positive):
            if source in known:
                known.add(result)
        old, new = (self._meaning(quantisation) for quantisation in (given, node.input[1:]))
        if old != new:
            self._positive.discard(result)
        return self._with_constants(rescaled(node, old, new))

    def _meaning(self, quantisation: Sequence[str]) -> tuple[float, float]:
        """(scale, zero point) of an activation."""
        values = [self._value(i) for i in quantisation if i]
        if any(v is None or v.size != 1 for v in values):
            message = f"{self.name}: an activation is quantised with '{quantisation[0]}', which is computed or differs"
            raise UnsupportedOpError(f"{message} between channels. Give snncc the float model that it was made from.")
        scale, *zero = [float(v.item()) for v in values if v is not None]
        return scale, zero[0] if zero else 0.0

    def _of_integers(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """DequantizeLinear of integers that no QuantizeLinear has made: part of a constant, or the network's input."""
        meaning, gather = self._meaning(node.input[1:]), self._made_by.get(node.input[0])
        table = self._value(gather.input[0]) if gather is not None and gather.op_type == "Gather" else None
        if gather is None or table is None:
            return self._with_constants(integers(node, meaning))
        self.weights += 1
        return self._with_constants(looked_up(node, gather, table, meaning))

    def _with_constants(self, spelled: Spelled) -> list[onnx.NodeProto]:
        nodes, constants = spelled
        self.made |= constants
        return nodes

    def _range(self, node: onnx.NodeProto) -> tuple[float, float]:
        """The (lowest, highest) value that the integers of an activation represent."""
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

    def _follow(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """Keep `node`, and propagate the known properties of its inputs to its outputs."""
        node = self._of_product(node)
        integers = [self._quantised[i] for i in node.input if i in self._quantised]
        if integers and node.op_type == "Pad":
            self._pad(node, integers[0])
        elif integers and node.op_type not in KEEPING:
            message = f"{self.name}: {_called(node)} computes with quantised values"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        for result in node.output:
            if integers:
                self._quantised[result] = integers[0]
            if node.op_type in _SYNAPSES or not self._weighted.isdisjoint(node.input):
                self._weighted.add(result)
            if none_negative(node, self._positive, self._value):
                self._positive.add(result)
        return node

    def _of_product(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """`node`; if it reads a product of integers that is now a float one, the remaining part of it."""
        given = [i for i in node.input if i in self._products]
        if not given:
            return node
        if node.op_type in KEEPING:
            self._products.update(node.output)
            return node
        if node.op_type != "Cast":
            message = f"{self.name}: {_called(node)} computes with quantised values"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        return helper.make_node("Identity", given, node.output, name=node.name)

    def _pad(self, node: onnx.NodeProto, quantisation: list[str]) -> None:
        """Replace the integer padding value by the value that it represents."""
        fill = self._value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros((), np.uint8)
        given = [self._value(i) for i in quantisation if i]
        if fill is None or any(v is None for v in given):
            message = f"{self.name}: {_called(node)} pads quantised values with a computed one"
            raise UnsupportedOpError(f"{message}. Give snncc the float model that it was made from.")
        meaning = helper.make_node("DequantizeLinear", ["fill", *quantisation], [f"{node.output[0]}/fill"])
        self.made[meaning.output[0]] = evaluated(meaning, [fill, *(v for v in given if v is not None)])
        node.input[:] = [*node.input[:2], meaning.output[0], *node.input[3:]]

    def _value(self, tensor: str) -> Array | None:
        if tensor in self.made:
            return self.made[tensor]
        return array_of(self._stored[tensor]) if tensor in self._stored else None


def _called(node: onnx.NodeProto) -> str:
    return f"{node.op_type} '{node.name or node.output[0]}'"

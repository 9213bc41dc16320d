# SPDX-License-Identifier: Apache-2.0
"""A model at batch size 1: the shape of every tensor, constants, and spiking tensors.

A tensor *spikes* if it is a neuron's output, or if it is computed from spiking tensors alone by ops that only move,
scale, average or add values (`PASSING`). A synaptic layer (`SYNAPSES`) with any other input computes with analog
values, that is with multiplications, also in a spiking network. A network that stacks time steps on its batch axis is
viewed at a single step; `fold` describes the content of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import onnx

from snncc.analysis.time_stacking import fold_of, one_step
from snncc.errors import ModelError
from snncc.io.large_models import outline
from snncc.ir.nodes import is_neuron, is_recurrent, label, opset_of
from snncc.ir.op_sets import COMPARISONS, LINEAR, MAX_POOLS, MOVES, POOLS, SHAPE_OPS, SYNAPSES, WEIGHTED
from snncc.ir.scopes import inner_graphs, reads, writes
from snncc.ops import get
from snncc.ops.arrays import Array
from snncc.ops.early_firing import WAIT_ONE_SPIKE
from snncc.ops.one_spike import ONE_SPIKE, RESIDUAL_ONE_SPIKE
from snncc.ops.temporal_sums import INCREASE, RUNNING_TOTAL
from snncc.storage.mapped import array_of

__all__ = ["PASSING", "Network"]

PASSING = MOVES | POOLS | (LINEAR - set(SYNAPSES)) | {"Cast", INCREASE.name, RUNNING_TOTAL.name}
_ONE_SPIKE = frozenset({ONE_SPIKE.name, RESIDUAL_ONE_SPIKE.name, WAIT_ONE_SPIKE.name})
_LOOKUPS = COMPARISONS | {"Gather"}  # ops on token ids
_PRODUCTS = frozenset({"Div", "MatMul", "Mul"})


class Network:
    """Read-only view of a model, for one sample and one time step.

    Args:
        model: weights loaded, nodes in topological order.
        samples: shape of one sample, without the batch axis, of inputs that leave other axes open.

    Raises:
        ModelError: a shape cannot be computed.
    """

    def __init__(self, model: onnx.ModelProto, samples: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self.fold = fold_of(model)
        self.opset = opset_of(model)
        model = one_step(model)
        self._constants = {t.name: t for t in model.graph.initializer}
        self._constants |= {
            n.output[0]: n.attribute[0].t
            for n in model.graph.node
            if n.op_type == "Constant" and n.attribute and n.attribute[0].HasField("t")
        }
        self.nodes = [n for n in model.graph.node if n.op_type != "Constant"]
        self.inputs = [i.name for i in model.graph.input if i.name not in self._constants]
        self.outputs = [o.name for o in model.graph.output]
        self._shapes = _shapes(model, samples or {}, set(self.inputs))
        self.activations = self._reached()
        self.spiking = self._spiking()

    @property
    def neurons(self) -> list[onnx.NodeProto]:
        """The spiking neurons, the input's encoder included."""
        return [n for n in self.nodes if is_neuron(n)]

    @property
    def encoders(self) -> list[onnx.NodeProto]:
        """The neurons that encode a network input: no synapses and no other neurons precede them."""
        plain = set(self.inputs)
        for node in self.nodes:
            carriers = self.activation_inputs(node)
            if node.op_type in PASSING | _LOOKUPS and carriers and plain.issuperset(carriers):
                plain.update(writes(node))
        return [n for n in self.neurons if n.input[0] in plain]

    @property
    def hidden(self) -> set[str]:
        """The neurons, by label, without encoders."""
        return {label(n) for n in self.neurons} - {label(n) for n in self.encoders}

    def along(self, length: Callable[[onnx.NodeProto], int]) -> dict[str, int]:
        """By tensor that carries activations: the longest path to it from an input, with `length` of each node."""
        found = dict.fromkeys(self.inputs, 0)
        for node in self.nodes:
            here = max((found[name] for name in self.activation_inputs(node)), default=0)
            found.update(dict.fromkeys(writes(node), here + length(node)))
        return found

    def longest(self, length: Callable[[onnx.NodeProto], int]) -> int:
        """The longest path from an input to an output."""
        found = self.along(length)
        return max((found.get(name, 0) for name in self.outputs), default=0)

    @property
    def synapses(self) -> list[onnx.NodeProto]:
        """The layers with weights that process activations."""
        return [n for n in self.nodes if (n.op_type in WEIGHTED or is_recurrent(n)) and self.activation_inputs(n)]

    @property
    def spike_gating_pools(self) -> list[onnx.NodeProto]:
        """Max pools that pass only some of the spikes: with one-spike neurons the first spike of a window; over time,
        the increase of the largest sum of values in the window, or its change.
        """
        spiking = [n for n in self.nodes if n.input and n.input[0] in self.spiking]
        return [n for n in spiking if n.op_type == INCREASE.name or self._races(n)]

    def _races(self, node: onnx.NodeProto) -> bool:
        """Whether `node` is a max pool of one-spike neurons, or of estimates."""
        if node.op_type not in MAX_POOLS:
            return False
        return self.sends_differences or all(s.op_type in _ONE_SPIKE for s in self.sources(node.input[0]))

    @property
    def sends_differences(self) -> bool:
        """Whether neurons send what changes in their estimates, which stand in the rows."""
        return any(get(n.op_type).spike_values is not None for n in self.neurons)

    @property
    def largest(self) -> int:
        """Bytes of the largest tensor that carries activations, at a batch of one, as float32."""
        return max((4 * prod(self._shapes[name]) for name in self.activations if name in self._shapes), default=0)

    def activation_inputs(self, node: onnx.NodeProto) -> list[str]:
        """The inputs of `node` that carry activations, rather than constants or shapes."""
        return [name for name in reads(node) if name in self.activations]

    def spike_driven(self, node: onnx.NodeProto) -> bool:
        """Whether all inputs of `node` are spikes; of products of two activations, only a MatMul of estimates is: a
        change of one side costs additions of the other, ΔA·B + A·ΔB.
        """
        carriers = self.activation_inputs(node)
        product = node.op_type in _PRODUCTS and len(carriers) > 1
        product = product and not (node.op_type == "MatMul" and self.sends_differences)
        return bool(carriers) and self.spiking.issuperset(carriers) and not product

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The shape of `tensor` at a batch of one."""
        if tensor in self._constants:
            return tuple(self._constants[tensor].dims)
        if tensor not in self._shapes:
            raise ModelError(
                f"the shape of tensor '{tensor}' cannot be worked out. Export the model with fixed shapes."
            )
        return self._shapes[tensor]

    def value(self, tensor: str) -> Array | None:
        """The value of a constant, None for anything else."""
        return array_of(self._constants[tensor]) if tensor in self._constants else None

    def sources(self, tensor: str) -> list[onnx.NodeProto]:
        """The neurons whose spikes the spiking `tensor` consists of, without duplicates."""
        producers = {out: n for n in self.nodes for out in writes(n)}
        found: dict[str, onnx.NodeProto] = {}
        stack = [tensor]
        while stack:
            node = producers[stack.pop()]
            if is_neuron(node):
                found[node.output[0]] = node
            else:
                stack += self.activation_inputs(node)
        return list(found.values())

    def _reached(self) -> frozenset[str]:
        reached = set(self.inputs)
        for node in self.nodes:
            if node.op_type not in SHAPE_OPS and not reached.isdisjoint(reads(node)):
                reached.update(writes(node))
        return frozenset(reached)

    def _spiking(self) -> frozenset[str]:
        self.spiking = frozenset()
        for node in self.nodes:
            if is_neuron(node) or (node.op_type in PASSING and self.spike_driven(node)):
                self.spiking |= {node.output[0]}
        return self.spiking


def _shapes(
    single: onnx.ModelProto, samples: Mapping[str, tuple[int, ...]], inputs: set[str]
) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that shape inference reaches, at a batch of one; `single` is changed."""
    del single.graph.value_info[:]
    for value in single.graph.input:
        if value.name in inputs and value.type.tensor_type.shape.dim:
            dims = value.type.tensor_type.shape.dim
            dims[0].dim_value = 1
            for dim, size in zip(dims[1:], samples.get(value.name, ()), strict=False):
                dim.dim_value = size
    branches = [graph for node in single.graph.node if node.op_type == "If" for graph in inner_graphs(node)]
    for value in (v for graph in (single.graph, *branches) for v in graph.output):
        value.type.tensor_type.ClearField("shape")  # of any number of samples
    try:
        inferred = onnx.shape_inference.infer_shapes(outline(single), data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError) as error:
        raise ModelError(f"shapes do not fit together ({error}). Export the model again.") from error
    found = {}
    for value in (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(d.HasField("dim_value") for d in kind.shape.dim):
            found[value.name] = tuple(d.dim_value for d in kind.shape.dim)
    return found

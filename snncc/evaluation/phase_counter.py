# SPDX-License-Identifier: Apache-2.0
"""Count spikes per phase for neurons that send values, with added neurons that give the firing phase.

Spikes are counted by twins: neurons of the same op with the same input, which fire identically to the last bit. A
neuron that sends one spike has a twin with a different spike value for each phase. A few-spikes neuron, whose spike
values do not affect its potential, has twins with a power of two as spike value for each of eight steps. In a phase
neuron with several spikes, they do: it has one twin per phase, whose tables end there, so that successive counts differ
by the spikes of a phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from snncc.analysis.network_view import Network
from snncc.ir.nodes import attributes_of
from snncc.ir.proto_builder import Builder
from snncc.ops import OpDef, get
from snncc.ops.arrays import Array

__all__ = ["StepCounts", "phase_counts"]

_CODES = 256
_BITS = 8
_LATER, _EARLIER = 1, 255  # codes of phases that another twin distinguishes; 0: no spike


@dataclass(frozen=True, eq=False)
class StepCounts:
    """An output of an instrumented network with the number of spikes of a layer at each step.

    Attributes:
        output: its name.
        fires: whether code c, one for each neuron, says that it fired at step t, [256, T]; None if the output is [T].
    """

    output: str
    fires: npt.NDArray[np.int64] | None = None

    def read(self, found: Array) -> npt.NDArray[np.int64]:
        """Spikes at each step, [T], in the output of one batch."""
        if self.fires is None:
            return found.astype(np.int64)
        codes = np.zeros(_CODES, np.int64)
        for sample in found.reshape(len(found), -1):  # one by one, since numpy widens them to 64 bits
            codes += np.bincount(sample, minlength=_CODES)
        return np.asarray(codes @ self.fires)


def phase_counts(build: Builder, node: onnx.NodeProto, network: Network) -> list[StepCounts]:
    """Extend the graph of `build` by outputs that sum to the spikes of the neuron `node` at each of its steps.

    There are none if its op does not declare one table with the values of its spikes.
    """
    attributes, rule = attributes_of(node), get(node.op_type).spike_steps
    if rule is None or len(rule.tables) != 1:
        return []
    steps, (table,) = len(rule.values(attributes)), rule.tables
    if rule.free_values or rule.most(attributes) == 1:
        twins = _patterns(steps) if rule.free_values else _codes(steps)
        return [_coded(build, node, network, fires, **{table: values}) for values, fires in twins]
    return [_prefixes(build, node, network, steps)]


def _codes(phases: int) -> list[tuple[Array, Array]]:
    """Descending levels as the op requires, and their meanings, for as many phases as can be distinguished at once."""
    most, found = _EARLIER - _LATER - 1, []
    for start in range(0, phases, most):
        levels = np.clip(_EARLIER - 1 - (np.arange(phases) - start), _LATER, _EARLIER)
        told = np.flatnonzero((levels > _LATER) & (levels < _EARLIER))
        fires = np.zeros((_CODES, phases), np.int64)
        fires[levels[told], told] = 1
        found.append((levels, fires))
    return found


def _patterns(steps: int) -> list[tuple[Array, Array]]:
    """Values of spikes that identify one of eight steps, and the meanings of their sums."""
    found = []
    for start in range(0, steps, _BITS):
        bits = np.arange(steps) - start
        values = np.where((bits >= 0) & (bits < _BITS), 1 << np.clip(bits, 0, _BITS - 1), 0)
        found.append((values, np.not_equal(np.arange(_CODES)[:, None] & values, 0).astype(np.int64)))
    return found


def _coded(build: Builder, node: onnx.NodeProto, network: Network, fires: Array, **values: Array) -> StepCounts:
    """A twin whose spikes have other `values`, divided by its scale and rounded to a code for each neuron."""
    tensor, scale = node.output[0], node.input[1]
    sent = _twin(build, node, "Y", **values)
    if _twin_of(node).stacks == "slices":  # the last slice holds the spikes of all phases
        rows = network.fold.count, -1, *network.shape(tensor)[1:]
        slices = build.node("Reshape", [sent, build.ints(*rows)], f"{tensor}_coded_slices")
        last = build.node("Gather", [slices, build.ints(-1)], f"{tensor}_coded_last")
        sent = build.node("Squeeze", [last, build.ints(0)], f"{tensor}_coded_whole")
    if attributes_of(node).get("signed"):
        sent = build.node("Abs", [sent], f"{tensor}_coded_size")
    dims = network.shape(scale)  # (1,) or one per channel, (C, 1, 1)
    flat = build.node("Reshape", [scale, build.ints(-1)], f"{tensor}_code_scale")
    zero = build.constant("zero_code", np.zeros(max(dims), np.uint8))
    axis = int(np.argmax(dims)) - len(dims)
    code = build.node("QuantizeLinear", [sent, flat, zero], f"{tensor}_code", axis=axis)
    build.output(code, TensorProto.UINT8, ("N", *network.shape(tensor)[1:]))
    return StepCounts(code, fires)


def _prefixes(build: Builder, node: onnx.NodeProto, network: Network, phases: int) -> StepCounts:
    """The counts of twins whose tables end after the first phase, the second …, each less the one before."""
    tensor = node.output[0]
    axes = build.ints(*range(1, len(network.shape(tensor))))
    sums = [build.ints(0)]
    for p in range(1, phases + 1):
        cut = {name: np.asarray(value[:p]) for name, value in attributes_of(node).items() if isinstance(value, list)}
        each = build.node("ReduceSum", [_twin(build, node, "count", **cut), axes], f"{tensor}_sample", keepdims=0)
        wide = build.node("Cast", [each], f"{tensor}_wide", to=TensorProto.INT64)
        sums.append(build.node("ReduceSum", [wide, build.ints(0)], f"{tensor}_until", keepdims=1))
    until = build.node("Concat", sums[1:], f"{tensor}_ends", axis=0)
    before = build.node("Concat", sums[:-1], f"{tensor}_starts", axis=0)
    each = build.node("Sub", [until, before], f"{tensor}_phases")
    build.output(each, TensorProto.INT64, (phases,))
    return StepCounts(each)


def _twin_of(node: onnx.NodeProto) -> OpDef:
    """The op of twins of `node`: its own, or that without slices if it makes its slices itself."""
    op = get(node.op_type)
    return get(op.variant_of) if op.adds_slices else op


def _twin(build: Builder, node: onnx.NodeProto, output: str, **tables: Array) -> str:
    """Adds a neuron with other `tables` beside `node`, computing in float32; returns its `output`."""
    attributes = {**attributes_of(node), **{name: value.tolist() for name, value in tables.items()}}
    op = _twin_of(node)
    attributes = {a.name: attributes[a.name] for a in op.attributes}
    inputs = list(node.input)
    for at in (at for at, p in enumerate(op.inputs) if p.type == "T"):
        inputs[at] = build.node("Cast", [inputs[at]], f"{inputs[at]}_exact", to=TensorProto.FLOAT)
    names = {p.name: build.fresh(f"{node.output[0]}_twin_{p.name}") for p in op.outputs[:2]}
    attributes = {name: [float(x) for x in v] if isinstance(v, list) else v for name, v in attributes.items()}
    twin = helper.make_node(op.name, inputs, list(names.values()), name=names["Y"], domain=node.domain, **attributes)
    build.add(twin)
    return names[output]

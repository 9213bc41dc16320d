# SPDX-License-Identifier: Apache-2.0
"""Inputs without samples on axis 0: states of recurrent layers, [layers, N, units], and scalars.

During a conversion all inputs have samples on axis 0: a Transpose or a Slice after such an input restores the layout
that the network reads. The exported model has the original inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from snncc.analysis.batch_axis import input_axis
from snncc.errors import CalibrationError
from snncc.io.batches import Samples
from snncc.ir.graph import Graph, Tensor
from snncc.ir.nodes import all_nodes
from snncc.ops.arrays import Array

__all__ = ["State", "as_they_were", "laid_out", "with_samples_first"]


@dataclass(frozen=True)
class State:
    """An input: its name, shape and sample axis; None: it is a scalar."""

    name: str
    shape: tuple[int | str | None, ...]
    axis: int | None

    @property
    def order(self) -> list[int]:
        """All axes, the sample axis first."""
        return [self.axis or 0, *(a for a in range(len(self.shape)) if a != self.axis)]


def with_samples_first(graph: Graph) -> list[State]:
    """Move the samples of all inputs to axis 0; returns the changed inputs."""
    found = [s for t in graph.inputs if (s := _state(graph, t)) is not None]
    by_name = {s.name: s for s in found}
    rows = next((shape[0] for t in graph.inputs if t.name not in by_name and (shape := graph.shape(t))), None)
    for tensor in graph.inputs:
        if (state := by_name.get(tensor.name)) is not None:
            _adapt(graph, tensor, state, rows)
    if found:
        graph.infer_shapes()
    return found


def _state(graph: Graph, tensor: Tensor) -> State | None:
    """The input `tensor`, if its samples are not on axis 0."""
    shape = graph.shape(tensor) or ()
    if not shape:
        return State(tensor.name, (), None)
    axis = input_axis(graph, tensor)
    return State(tensor.name, shape, axis) if axis else None


def _adapt(graph: Graph, tensor: Tensor, state: State, rows: int | str | None) -> None:
    """`rows` is how many samples the other inputs have."""
    users = graph.users(tensor)
    if state.axis is None:
        tensor.shape = [rows]
        first = [graph.constant(f"{tensor.name}_{k}", np.array([v], np.int64)) for k, v in (("from", 0), ("to", 1))]
        one = graph.add("Slice", [tensor, *first], name=f"{tensor.name}_first")
        one.shape = [1]
        axes = graph.constant(f"{tensor.name}_axes", np.array([0], np.int64))
        result = graph.add("Squeeze", [one, axes], name=f"{tensor.name}_number")
        result.shape = []
    else:
        own = state.shape[state.axis]
        tensor.shape = [rows if own == 1 else own, *(state.shape[a] for a in state.order[1:])]
        back = [int(a) for a in np.argsort(state.order)]
        result = graph.add("Transpose", [tensor], name=f"{tensor.name}_back", attrs={"perm": back})
        result.shape = list(state.shape)
    ours = [n for n in graph.users(tensor) if not any(n is u for u in users)]
    graph.replace_uses(tensor, result, keep=ours, outputs=False)


def laid_out(data: Samples, states: Sequence[State]) -> Samples:
    """`data` with the samples of `states` on axis 0; a single state or scalar is repeated for all samples."""
    if not states:
        return data
    if isinstance(data, Mapping):
        return _arranged(data, states)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes | np.ndarray):
        return _each(data, states)
    names = ", ".join(f"'{s.name}'" for s in states)
    raise CalibrationError(f"inputs {names} have no samples on axis 0. Give a dict of arrays, or several of them.")


def _each(data: Iterable[Any], states: Sequence[State]) -> Iterator[dict[str, Array]]:
    for item in data:
        if not isinstance(item, Mapping):
            raise CalibrationError("a network with several inputs takes dicts of arrays. Name each of them.")
        yield _arranged(item, states)


def _arranged(data: Mapping[str, npt.ArrayLike], states: Sequence[State]) -> dict[str, Array]:
    by_name = {s.name: s for s in states}
    arrays = {name: np.asarray(value) for name, value in data.items()}
    count = next((len(a) for name, a in arrays.items() if name not in by_name and a.ndim), 1)
    return {k: a if k not in by_name else _rows(a, by_name[k], count) for k, a in arrays.items()}


def _rows(array: Array, state: State, count: int) -> Array:
    if state.axis is None and array.size != 1:
        raise CalibrationError(f"input '{state.name}' is one number, but the data has {array.size}. Give one.")
    if state.axis is not None and array.ndim != len(state.shape):
        axes = list(state.shape)
        raise CalibrationError(
            f"input '{state.name}' is {axes}, but the data is {list(array.shape)}. Give as many axes."
        )
    rows = array.reshape(1) if state.axis is None else array.transpose(state.order)
    return np.repeat(rows, count, axis=0) if len(rows) == 1 else rows


def as_they_were(model: onnx.ModelProto, states: Sequence[State]) -> onnx.ModelProto:
    """The exported `model`, changed in place, with `states` as inputs of their original shape."""
    taken = {name for n in all_nodes(model.graph) for name in (*n.input, *n.output)}
    for state in states:
        inner = f"{state.name}_samples_first"
        while inner in taken:
            inner += "_"
        for node in all_nodes(model.graph):
            node.input[:] = [inner if name == state.name else name for name in node.input]
        value = next(v for v in model.graph.input if v.name == state.name)
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(state.name, kind, list(state.shape)))
        if state.axis is None:
            one = numpy_helper.from_array(np.array([1], np.int64), f"{inner}_shape")
            model.graph.initializer.append(one)
            node = helper.make_node("Reshape", [state.name, one.name], [inner], name=inner)
        else:
            node = helper.make_node("Transpose", [state.name], [inner], name=inner, perm=state.order)
        model.graph.node.insert(0, node)
    return model

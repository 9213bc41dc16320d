# SPDX-License-Identifier: Apache-2.0
"""Every op on its example in onnxruntime: shapes, absent outputs, threads, memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from snncc import ops
from snncc.ops.registry import Array, OpDef
from snncc.runtime import create_session

every_op = pytest.mark.parametrize("op", ops.all_ops(), ids=lambda op: op.name)
KINDS = {"tensor(float)": onnx.TensorProto.FLOAT, "tensor(int32)": onnx.TensorProto.INT32}


# How many outputs get a shape: onnxruntime up to 1.27 aborts at that of an output that a node has not.
SHAPED = None if tuple(map(int, ort.__version__.split(".")[:2])) >= (1, 28) else 1


def model(op: OpDef, inputs: Sequence[Array], attributes: Any, x: Sequence[Any], outputs: list[str]) -> bytes:
    """One node without its body, X of shape `x`; the shapes of its outputs are left to be inferred."""
    value, kind = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
    shapes = [x, *(array.shape for array in inputs[1:])]
    given = [value(p.name, kind(a.dtype), s) for p, a, s in zip(op.inputs, inputs, shapes, strict=True)]
    node = onnx.helper.make_node(op.name, [p.name for p in op.inputs], outputs, domain=ops.DOMAIN, **attributes)
    kinds = {p.name: KINDS.get(p.type, kind(inputs[0].dtype)) for p in op.outputs}
    out = [value(name, kinds[name], None) for name in outputs if name]
    graph = onnx.helper.make_graph([node], op.name, given, out)
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
    return bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def feeds(op: OpDef, inputs: Sequence[Array]) -> dict[str, Array]:
    return {parameter.name: array for parameter, array in zip(op.inputs, inputs, strict=True)}


def names(op: OpDef) -> list[str]:
    return [p.name for p in op.outputs]


@every_op
def test_known_shapes(op: OpDef) -> None:
    inputs, attributes = op.examples(np.random.default_rng(0))
    session = create_session(model(op, inputs, attributes, inputs[0].shape, names(op)), device="cpu")
    expected = op.reference(inputs, attributes)
    found = [tuple(output.shape) for output in session.get_outputs()]
    assert found[:SHAPED] == [array.shape for array in expected][:SHAPED]


@every_op
@pytest.mark.parametrize("first", ["N", None])
def test_unknown_rows(op: OpDef, first: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    """Rows that change get a name of their own; onnxruntime would take axes of one name to be equally long."""
    inputs, attributes = op.examples(np.random.default_rng(0))
    rows, *rest = inputs[0].shape
    session = create_session(model(op, inputs, attributes, [first, *rest], names(op)), device="cpu")
    shapes = {output.name: output.shape for output in session.get_outputs()}
    for parameter in op.outputs[:SHAPED]:
        as_many = parameter.rows is None or parameter.rows(rows, attributes) == rows
        assert shapes[parameter.name][1:] == rest
        assert isinstance(shapes[parameter.name][0], str)
        assert first is None or (shapes[parameter.name][0] == first) == as_many
    for one, other in zip(session.run(None, feeds(op, inputs)), op.reference(inputs, attributes), strict=True):
        np.testing.assert_array_equal(one, other)
    assert capfd.readouterr() == ("", "")


@every_op
def test_outputs_that_nobody_wants(op: OpDef) -> None:
    inputs, attributes = op.examples(np.random.default_rng(0))
    expected = op.reference(inputs, attributes)
    for absent in range(1, len(op.outputs)):
        some = ["" if index == absent else name for index, name in enumerate(names(op))]
        session = create_session(model(op, inputs, attributes, inputs[0].shape, some), device="cpu")
        kept = [array for index, array in enumerate(expected) if index != absent]
        for one, other in zip(session.run(None, feeds(op, inputs)), kept, strict=True):
            np.testing.assert_array_equal(one, other)
    session = create_session(model(op, inputs, attributes, inputs[0].shape, ["Y"]), device="cpu")
    np.testing.assert_array_equal(session.run(None, feeds(op, inputs))[0], expected[0])


@every_op
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(op: OpDef, threads: int) -> None:
    rng = np.random.default_rng(5)
    inputs, attributes = op.examples(rng)
    small = inputs[0].shape
    shape = (*small[:-1], 74_015 // math.prod(small[1:-1]))  # so large that it is shared out
    states = (small[0] // attributes.get("steps", 1), *shape[1:])
    for index, parameter in enumerate(op.inputs):
        if parameter.type == "T" or (parameter.name in op.states and inputs[index].size > 1):
            large = shape if parameter.type == "T" else states
            inputs[index] = rng.normal(0.2, 0.7, large).astype(np.float32)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = create_session(model(op, inputs, attributes, shape, names(op)), device="cpu", options=options)
    for one, other in zip(session.run(None, feeds(op, inputs)), op.reference(inputs, attributes), strict=True):
        np.testing.assert_array_equal(one, other)


@every_op
def test_chain_that_may_compute_in_place(op: OpDef) -> None:
    """Between other nodes, an op may be given its input's memory for its output."""
    inputs, attributes = op.examples(np.random.default_rng(0))
    proto = onnx.load_from_string(model(op, inputs, attributes, ["N", *inputs[0].shape[1:]], ["Y"]))
    node = proto.graph.node[0]
    node.input[0], node.output[0] = "x", "y"
    proto.graph.node.insert(0, onnx.helper.make_node("Neg", ["X"], ["x"]))
    proto.graph.node.append(onnx.helper.make_node("Neg", ["y"], ["Y"]))
    session = create_session(proto, device="cpu")
    expected = -op.reference([-inputs[0], *inputs[1:]], attributes)[0]
    for _ in range(2):
        np.testing.assert_array_equal(session.run(None, feeds(op, inputs))[0], expected)

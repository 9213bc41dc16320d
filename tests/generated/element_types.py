# SPDX-License-Identifier: Apache-2.0
"""Small networks whose inputs, weights, axes or declared outputs have less common types."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.generated.fused_ops import Body
from tests.generated.harness import Case, run_plain

__all__ = ["draw"]

_SAMPLES = 24
_KINDS = ("minus one", "undeclared", "double", "bfloat16", "bytes", "integers", "truth", "rank 1", "side", "groups")


def draw(rng: np.random.Generator) -> Case:
    """A network of one of the kinds."""
    kind = str(rng.choice(_KINDS))
    body = Body(rng, int(rng.integers(3, 7)), curves=False)
    case = {
        "minus one": _minus_one,
        "undeclared": _undeclared,
        "double": _double,
        "bfloat16": _bfloat16,
        "bytes": _normalised,
        "integers": _normalised,
        "truth": _truth,
        "rank 1": _rank_1,
        "side": _side,
        "groups": _groups,
    }[kind](rng, body, kind)
    return Case(case.model, case.feeds, f"{kind}: {'; '.join(body.lines)}", expected=case.expected)


def _layers(rng: np.random.Generator, body: Body, tensor: str, width: int, most: int = 2) -> str:
    """MatMul, Add and ReLU, at most `most` times, then a last MatMul to 3.

    Where all features go with one number, errors of a code do not average out, and add up from layer to layer.
    """
    for _ in range(int(rng.integers(1, most + 1))):
        after = int(rng.integers(3, 7))
        tensor = body.line(f"MatMul ({tensor}, {body.weight(width, after)})")
        tensor = body.line(f"Relu ({body.line(f'Add ({tensor}, {body.weight(after, scale=0.4)})')})")
        width = after
    return body.line(f"MatMul ({tensor}, {body.positive(width, 3)})")


def _ended(body: Body, tensor: str, entry: str, shape: str = "N, 3", opset: int = 21) -> onnx.ModelProto:
    body.lines.append(f"y = Identity ({tensor})")
    return body.model(entry, f"float[{shape}] y", opset)


def _floats(rng: np.random.Generator, *size: int) -> dict[str, Any]:
    return {"x": rng.normal(0.1, 1, (_SAMPLES, *size)).astype(np.float32)}


def _minus_one(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """Axes of length -1, of inputs, outputs or both, the batch's and another."""
    long = bool(rng.integers(2))
    lead = ", L" if long else ""
    tensor = _layers(rng, body, "x", body.width)
    model = _ended(body, tensor, f"float[N{lead}, {body.width}] x", f"N{lead}, 3", int(rng.choice([13, 17, 21])))
    for value in (*model.graph.input, *(model.graph.output if rng.random() < 0.7 else ())):
        for axis in value.type.tensor_type.shape.dim[: 1 + long]:
            axis.dim_value = -1
    return Case(model, _floats(rng, *((4,) if long else ()), body.width), "")


def _undeclared(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """An output without a shape, or without a type."""
    opset = int(rng.choice([17, 21, 22]))
    model = _ended(body, _layers(rng, body, "x", body.width), f"float[N, {body.width}] x", opset=opset)
    if rng.random() < 0.5:
        model.graph.output[0].ClearField("type")
    else:
        model.graph.output[0].type.tensor_type.ClearField("shape")
    return Case(model, _floats(rng, body.width), "")


def _convs(rng: np.random.Generator, body: Body, tensor: str) -> str:
    width = body.width
    made = body.line(f"Conv <pads = [1, 1, 1, 1]> ({tensor}, {body.weight(width, width, 3, 3)})")
    pooled = body.line(f"GlobalAveragePool ({body.line(f'Relu ({made})')})")
    return _layers(rng, body, body.line(f"Flatten ({pooled})"), width, most=1)


def _double(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """float64 throughout, with convolutions, which onnxruntime computes in float32 only."""
    plain = _ended(body, _convs(rng, body, "x"), f"float[N, {body.width}, 4, 4] x")
    feeds = _floats(rng, body.width, 4, 4)
    expected = [v.astype(np.float64) for v in run_plain(plain, feeds)]
    model = onnx.ModelProto()
    model.CopyFrom(plain)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float64), weight.name))
    return Case(model, {"x": feeds["x"].astype(np.float64)}, "", expected=expected)


def _bfloat16(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """Weights of bfloat16: all of a network between casts, or cast one by one."""
    inside = bool(rng.integers(2))
    tensor = body.line("Cast <to = 16> (x)") if inside else "x"
    tensor = _layers(rng, body, tensor, body.width)
    model = _ended(body, body.line(f"Cast <to = 1> ({tensor})") if inside else tensor, f"float[N, {body.width}] x")
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    nodes = []
    for weight, rounded in zip(model.graph.initializer, plain.graph.initializer, strict=True):
        values = numpy_helper.to_array(weight)
        small = helper.make_tensor(weight.name, TensorProto.BFLOAT16, values.shape, values.ravel())
        rounded.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(small).astype(np.float32), weight.name))
        if not inside:
            nodes.append(helper.make_node("Cast", [f"{weight.name}_small"], [weight.name], to=TensorProto.FLOAT))
            small.name = f"{weight.name}_small"
        weight.CopyFrom(small)
    kept = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    for node in plain.graph.node:
        if node.op_type == "Cast":
            node.attribute[0].i = TensorProto.FLOAT
    feeds = _floats(rng, body.width)
    return Case(model, feeds, "", expected=run_plain(plain, feeds))


def _normalised(rng: np.random.Generator, body: Body, kind: str) -> Case:
    """Images of bytes or integers, normalised inside the network."""
    name = "uint8" if kind == "bytes" else str(rng.choice(["int64", "int32", "int16"]))
    width, last = body.width, bool(rng.integers(2))
    tensor = body.line("Transpose <perm = [0, 3, 1, 2]> (x)") if last else "x"
    tensor = body.line(f"Cast <to = 1> ({tensor})")
    if rng.random() < 0.7:
        tensor = body.line(f"Div ({tensor}, {body.given(255.0)})")
    else:
        tensor = body.line(f"Mul ({tensor}, {body.given(1 / 128)})")
    tensor = body.line(f"Sub ({tensor}, {body.given(rng.uniform(0.3, 0.6, (width, 1, 1)))})")
    if rng.random() < 0.6:
        tensor = body.line(f"Div ({tensor}, {body.given(rng.uniform(0.2, 0.4, (width, 1, 1)))})")
    shape = f"N, 4, 4, {width}" if last else f"N, {width}, 4, 4"
    model = _ended(body, _convs(rng, body, tensor), f"{name}[{shape}] x")
    size = (4, 4, width) if last else (width, 4, 4)
    return Case(model, {"x": rng.integers(0, 256, (_SAMPLES, *size)).astype(name)}, "")


def _truth(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """Truth values that are cast to numbers."""
    tensor = _layers(rng, body, body.line("Cast <to = 1> (x)"), body.width)
    model = _ended(body, tensor, f"bool[N, {body.width}] x")
    return Case(model, {"x": rng.random((_SAMPLES, body.width)) > 0.5}, "")


def _rank_1(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """One number a sample."""
    body.weights["one"] = np.array([1])
    tensor = body.line("Unsqueeze (x, one)")
    if rng.random() < 0.5:
        tensor = body.line(f"Concat <axis = 1> ({tensor}, {body.line(f'Mul ({tensor}, {body.given(-0.7)})')})")
        width = 2
    else:
        width = 1
    return Case(_ended(body, _layers(rng, body, tensor, width, most=1), "float[N] x"), _floats(rng), "")


def _side(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """A second input of one number a sample, that activations are multiplied by or added to."""
    body.weights["one"] = np.array([1])
    number = body.line("Unsqueeze (s, one)")
    hidden = body.line(f"Relu ({body.line(f'MatMul (x, {body.weight(body.width, body.width)})')})")
    tensor = body.line(f"{rng.choice(['Mul', 'Add', 'Sub'])} ({hidden}, {number})")
    model = _ended(body, _layers(rng, body, tensor, body.width), f"float[N, {body.width}] x, float[N] s")
    return Case(model, _floats(rng, body.width) | {"s": rng.uniform(0.5, 1.5, _SAMPLES).astype(np.float32)}, "")


def _groups(rng: np.random.Generator, body: Body, _kind: str) -> Case:
    """GroupNormalization, whose result's type onnx does not infer."""
    groups, each, opset = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.choice([18, 20, 21, 22]))
    body.width = width = groups * each
    count = groups if opset < 21 else width
    given = [1 + 0.3 * rng.normal(0, 1, count), 0.3 * rng.normal(0, 1, count)]
    scale, bias = (body.given(v) for v in given)
    made = body.line(f"Conv <pads = [1, 1, 1, 1]> (x, {body.weight(width, width, 3, 3)})")
    made = body.line(f"GroupNormalization <num_groups = {groups}, epsilon = 0.1> ({made}, {scale}, {bias})")
    pooled = body.line(f"GlobalAveragePool ({body.line(f'Relu ({made})')})")
    tensor = _layers(rng, body, body.line(f"Flatten ({pooled})"), width, most=1)
    model = _ended(body, tensor, f"float[N, {width}, 4, 4] x", opset=opset)
    return Case(model, _floats(rng, width, 4, 4), "")

# SPDX-License-Identifier: Apache-2.0
"""Networks as quantize_dynamic or onnxruntime writes them, with their float source networks.

Activations of such a network are rounded to 8 bits, those of the float network with the same weights are not; a spiking
network is held against the latter.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as states
from onnxruntime.quantization import QuantType, quantize_dynamic

from tests.generated.fused_ops import Body
from tests.generated.harness import Case, text_of

__all__ = ["Quantised", "draw"]

_SAMPLES = 24


@dataclass(frozen=True)
class Quantised:
    """A network before it was quantised and after."""

    plain: onnx.ModelProto
    case: Case


def draw(rng: np.random.Generator) -> Quantised:
    """A multilayer perceptron, a convolutional network, one of embeddings or one with an LSTM."""
    kind = str(rng.choice(["gemm", "conv", "table", "lstm"]))
    body = Body(rng, int(rng.integers(3, 7)), curves=False)
    plain, feeds = {"gemm": _gemms, "conv": _convs, "table": _table, "lstm": _lstm}[kind](rng, body)
    for number, node in enumerate(plain.graph.node):
        node.name = f"{node.op_type}_{number}"
    model = _quantised(rng, plain)
    return Quantised(plain, Case(model, feeds, text_of(model)))


def _gemms(rng: np.random.Generator, body: Body) -> tuple[onnx.ModelProto, dict[str, Any]]:
    tensor, width = "x", body.width
    for _ in range(int(rng.integers(1, 4))):
        bias = body.weight(width, scale=0.4)
        if rng.random() < 0.5:
            tensor = body.line(f"Gemm <transB = {rng.integers(2)}> ({tensor}, {body.weight(width, width)}, {bias})")
        else:
            tensor = body.line(f"MatMul ({tensor}, {body.weight(width, width)})")
            tensor = body.line(f"Add ({tensor}, {bias})") if rng.random() < 0.6 else tensor
        tensor = body.line(f"Relu ({tensor})")
    return _ended(rng, body, tensor, "float[N, {w}] x", (width,))


def _convs(rng: np.random.Generator, body: Body) -> tuple[onnx.ModelProto, dict[str, Any]]:
    tensor, width = "x", body.width
    for _ in range(int(rng.integers(1, 3))):
        bias = f", {body.weight(width, scale=0.4)}" if rng.random() < 0.6 else ""
        tensor = body.line(f"Conv <pads = [1, 1, 1, 1]> ({tensor}, {body.weight(width, width, 3, 3)}{bias})")
        tensor = body.line(f"Relu ({tensor})")
    tensor = body.line(f"GlobalAveragePool ({tensor})")
    tensor = body.line(f"Flatten ({tensor})")
    return _ended(rng, body, tensor, "float[N, {w}, 5, 5] x", (width, 5, 5))


def _table(rng: np.random.Generator, body: Body) -> tuple[onnx.ModelProto, dict[str, Any]]:
    rows = int(rng.integers(5, 12))
    tensor = body.line(f"Gather ({body.weight(rows, body.width)}, x)")
    tensor = body.line(f"Relu ({body.line(f'MatMul ({tensor}, {body.weight(body.width, body.width)})')})")
    model, _ = _ended(rng, body, tensor, "int64[N, 3] x", (3,), rank=3)
    return model, {"x": rng.integers(0, rows, (_SAMPLES, 3))}


def _lstm(rng: np.random.Generator, body: Body) -> tuple[onnx.ModelProto, dict[str, Any]]:
    both, units, width = bool(rng.integers(2)), int(rng.integers(2, 5)), body.width
    ways = 1 + both
    turned = body.line("Transpose <perm = [1, 0, 2]> (x)")
    weights = [body.weight(ways, 4 * units, n) for n in (width, units)] + [body.weight(ways, 8 * units, scale=0.3)]
    way = "bidirectional" if both else "forward"
    states, _, _ = body.fresh(), body.fresh(), body.fresh()
    call = f'LSTM <hidden_size: int = {units}, direction: string = "{way}"> ({turned}, {", ".join(weights)})'
    body.lines.append(f"{states} = {call}")
    joined = body.line(f"Transpose <perm = [2, 0, 1, 3]> ({states})")
    body.weights["flat"] = np.array([0, 0, ways * units])
    body.width = ways * units
    tensor = body.line(f"Relu ({body.line(f'Reshape ({joined}, flat)')})")
    return _ended(rng, body, tensor, f"float[N, 4, {width}] x", (4, width), rank=3)


def _ended(
    rng: np.random.Generator, body: Body, tensor: str, entry: str, size: tuple[int, ...], rank: int = 2
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    body.lines.append(f"y = MatMul ({tensor}, {body.weight(body.width, 3)})")
    axes = "N, 3" if rank == 2 else "N, L, 3"
    model = body.model(entry.format(w=body.width), f"float[{axes}] y", int(rng.choice([13, 15, 17])))
    return model, {"x": rng.normal(0.1, 1, (_SAMPLES, *size)).astype(np.float32)}


def _require_kernels(model: str) -> None:
    """Skip where this onnxruntime does not run what its own quantiser writes, as 1.22 a ConvInteger of int8 weights."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except states.NotImplemented as error:
        pytest.skip(str(error))


def _quantised(rng: np.random.Generator, plain: onnx.ModelProto) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        before, after = (str(Path(folder) / name) for name in ("float.onnx", "dynamic.onnx"))
        onnx.save(plain, before)
        kind = QuantType.QInt8 if rng.random() < 0.5 else QuantType.QUInt8
        # Weights of 7 bits: onnxruntime's kernels for CPUs without VNNI saturate sums of 8-bit ones.
        quantize_dynamic(before, after, weight_type=kind, per_channel=bool(rng.integers(2)), reduce_range=True)
        _require_kernels(after)
        if rng.random() < 0.5:
            options = ort.SessionOptions()
            options.log_severity_level = 4
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            options.optimized_model_filepath = str(Path(folder) / "saved.onnx")
            ort.InferenceSession(after, options, providers=["CPUExecutionProvider"])
            after = options.optimized_model_filepath
        return onnx.load(after)

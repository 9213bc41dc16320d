# SPDX-License-Identifier: Apache-2.0
"""Quantised networks are imported as the float networks that they represent, including their ReLUs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

import snncc
from snncc.errors import SnnccError
from snncc.frontend.dequantise import dequantised
from snncc.frontend.import_model import import_model

# ReLUs after a convolution and a sum, a ReLU6, pools, Concat, Pad: all that may hide or pass on a ReLU.
NETWORK = """<ir_version: 8, opset_import: ["": 17]>
net (float[N,3,8,8] x) => (float[N,5] y) {
    c1 = Conv <pads=[1,1,1,1]> (x, w1, b1) r1 = Relu (c1)
    c2 = Conv <pads=[1,1,1,1]> (r1, w2, b2) s = Add (c2, r1) r2 = Relu (s)
    m = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r2) p = Pad (m, frame)
    c3 = Conv (p, w3, b3) r3 = Clip (c3, zero, six) a = AveragePool <kernel_shape=[2,2], strides=[2,2]> (r2)
    k = Concat <axis=1> (r3, a) g = GlobalAveragePool (k) f = Flatten (g) y = Gemm (f, w4, b4)
}"""
SIZES = {"w1": (6, 3, 3, 3), "b1": (6,), "w2": (6, 6, 3, 3), "b2": (6,), "w3": (4, 6, 3, 3), "b3": (4,)}
SIZES |= {"w4": (10, 5), "b4": (5,)}
KINDS: dict[str, dict[str, Any]] = {
    "channels": {"quant_format": QuantFormat.QDQ, "per_channel": True},
    "signed": {"quant_format": QuantFormat.QDQ, "activation_type": QuantType.QInt8},
    "symmetric": {
        "quant_format": QuantFormat.QDQ,
        "activation_type": QuantType.QInt8,
        "extra_options": {"ActivationSymmetric": True},
    },
    "16 bits": {"quant_format": QuantFormat.QDQ, "activation_type": QuantType.QUInt16},
    "operators": {"quant_format": QuantFormat.QOperator, "per_channel": True},
    "unsigned": {"quant_format": QuantFormat.QOperator, "weight_type": QuantType.QUInt8},
}


def tensors(values: dict[str, Any]) -> list[onnx.TensorProto]:
    return [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items()]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (48, 3, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    rng = np.random.default_rng(1)
    model = parser.parse_model(NETWORK)
    sized = {k: rng.normal(0, 1 / np.sqrt(np.prod(s[1:])), s).astype(np.float32) for k, s in SIZES.items()}
    sized["w3"] *= 6  # so that the 6 of the ReLU6 is reached
    frame = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    model.graph.initializer.extend(tensors({**sized, "frame": frame, "zero": np.float32(0), "six": np.float32(6)}))
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    onnx.checker.check_model(model, full_check=True)
    return model


class Reader(CalibrationDataReader):
    def __init__(self, images: np.ndarray) -> None:
        self.batches: Iterator[dict[str, np.ndarray]] = iter([{"x": images}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.batches, None)


@pytest.fixture(scope="module")
def quantise(network, images, tmp_path_factory) -> Callable[[str], Path]:
    """`quantise(kind)`: the network as onnxruntime's quantize_static writes it."""
    folder = tmp_path_factory.mktemp("quantised")
    onnx.save(network, folder / "float.onnx")

    def run(kind: str) -> Path:
        file = folder / f"{kind}.onnx"
        options = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8} | KINDS[kind]
        quantize_static(folder / "float.onnx", file, Reader(images), **options)
        return file

    return run


def run(model: onnx.ModelProto | Path, images: np.ndarray) -> np.ndarray:
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(source, options, ["CPUExecutionProvider"]).run(None, {"x": images})[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_float_network_comes_back(network, quantise, images, kind) -> None:
    file = quantise(kind)
    found = import_model(file)
    ops = Counter(n.op for n in found.nodes())
    assert not [op for op in ops if "uant" in op or op.startswith("QLinear")]
    assert (ops["Relu"], ops["Clip"]) == ((2, 1) if kind == "symmetric" else (0, 3))
    back, given, original = run(found.to_proto(), images), run(file, images), run(network, images)
    assert np.abs(back - original).mean() < 0.02 * np.abs(original).mean()
    assert np.abs(back - given).mean() < 0.03 * np.abs(original).mean()


def test_with_16_bits_it_is_the_quantised_network_itself(quantise, images) -> None:
    """Where activations hardly round at all; beyond what calibration has seen, upper bounds hold."""
    file = quantise("16 bits")
    back, given = run(import_model(file).to_proto(), 0.9 * images), run(file, 0.9 * images)
    np.testing.assert_allclose(back, given, atol=0.002 * np.abs(given).max())


@pytest.mark.parametrize("kind", ["channels", "operators"])
def test_it_converts(network, quantise, images, kind) -> None:
    options = {"calibration": images, "fold_bn": "threshold", "weights": "int8"}
    snn = snncc.convert(quantise(kind), snncc.Phase(T=24, Q=1.2), **options)
    spiking = [n for n in snn.graph.node if n.domain == "ai.snncc"]
    assert len(spiking) == 4  # three ReLUs and the input
    found = snncc.evaluate(snn, quantise(kind), images, labels=run(network, images).argmax(1))
    assert found.top1 is not None
    assert found.top1[1] > 80


def test_pairs_on_inputs_and_positive_values_are_no_relus() -> None:
    model = pairs("q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z) e = Exp (d) "
                  "r = QuantizeLinear (e, s, z) y = DequantizeLinear (r, s, z)")  # fmt: skip
    assert [n.op_type for n in dequantised(model, "m").graph.node] == ["Identity", "Identity", "Exp", *["Identity"] * 2]


def test_a_relu_has_the_end_of_the_range_as_ceiling() -> None:
    model = pairs("c = MatMul (x, W) q = QuantizeLinear (c, s, z) y = DequantizeLinear (q, s, z)")
    plain = dequantised(model, "m")
    assert [n.op_type for n in plain.graph.node] == ["MatMul", "Clip", "Identity"]
    x = np.random.default_rng(1).normal(0, 40, (9, 4)).astype(np.float32)
    exact, rounded = run(plain, x), run(model, x)
    assert exact.min() == 0
    assert exact.max() == pytest.approx(25.5)
    assert np.abs(exact - rounded).max() <= 0.0501


@pytest.mark.parametrize(
    ("values", "attributes"),
    [
        ((np.float32(0.5), np.int8(3)), {}),
        ((np.array([0.5, 1, 2], np.float32), np.array([3, 0, -3], np.int8)), {"axis": 0}),
        ((np.array([[0.5, 1], [2, 4], [1, 8]], np.float32), np.zeros((3, 2), np.int8)), {"axis": 1, "block_size": 3}),
    ],
    ids=["tensor", "channels", "blocks"],
)
def test_weights_are_dequantised_as_onnxruntime_does_it(values, attributes) -> None:
    scale, zero = values
    stored = np.random.default_rng(1).integers(-128, 128, (3, 5)).astype(np.int8)
    node = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **attributes)
    graph = helper.make_graph(
        [node, helper.make_node("MatMul", ["x", "w"], ["y"])],
        "weights",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 5])],
        tensors({"q": stored, "s": scale, "z": zero}),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(run(dequantised(model, "m"), x), run(model, x))


def test_float_models_are_left_alone(network) -> None:
    assert dequantised(network, "m") is network


def pairs(body: str, kind: str = "float") -> onnx.ModelProto:
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 21]> net ({kind}[N,4] x) => (float[N,4] y) {{ {body} }}'
    )
    values = {"s": np.float32(0.1), "z": np.uint8(0), "W": np.eye(4, dtype=np.float32), "three": np.uint8(3)}
    values |= {"each": np.full(4, 0.1, np.float32), "none": np.zeros(4, np.uint8)}
    model.graph.initializer.extend(tensors(values))
    return model


PAIR = "q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z)"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("q = QuantizeLinear (x, s, z) t = Add (q, three) y = DequantizeLinear (t, s, z)", "float", "Add 't' computes"),
        ("q = QuantizeLinear (x, each, none) y = DequantizeLinear (q, each, none)", "float", "between channels"),
        ("t = ReduceMax (x) q = QuantizeLinear (x, t, z) y = DequantizeLinear (q, t, z)", "float", "is computed"),
        ("q, t, u = DynamicQuantizeLinear (x) r = Add (q, q) y = DequantizeLinear (r, t, u)", "float", "Add 'r'"),
    ],
)  # fmt: skip
def test_what_has_no_float_network_is_refused(body, kind, message) -> None:
    with pytest.raises(SnnccError, match="m: ") as error:
        dequantised(pairs(body, kind), "m")
    assert message in str(error.value)


def test_a_quantised_output_is_refused() -> None:
    model = pairs(f"{PAIR} r = Relu (d) y = QuantizeLinear (r, s, z)")
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    with pytest.raises(SnnccError, match=r"output 'y' is quantised\. End it with DequantizeLinear"):
        import_model(model)


@pytest.mark.parametrize("channels", [False, True], ids=["tensor", "channels"])
def test_dynamic_quantisation_leaves_the_float_network(network, images, tmp_path, channels) -> None:
    onnx.save(network, tmp_path / "float.onnx")
    kind = {"weight_type": QuantType.QUInt8, "per_channel": channels}  # onnxruntime 1.22 has no ConvInteger of int8
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx", **kind)
    found = import_model(tmp_path / "dynamic.onnx")
    assert not [n.op for n in found.nodes() if "Integer" in n.op or "uant" in n.op]
    back, given = run(found.to_proto(), images), run(tmp_path / "dynamic.onnx", images)
    np.testing.assert_allclose(back, given, atol=0.03 * np.abs(given).max())


def test_integers_mean_what_the_node_says_that_reads_them() -> None:
    """Quantised by one scale, dequantised by another."""
    model = pairs("q = QuantizeLinear (x, s, three) y = DequantizeLinear (q, each_one, seven)")
    model.graph.initializer.extend(tensors({"each_one": np.float32(0.3), "seven": np.uint8(7)}))
    x = np.random.default_rng(1).uniform(0, 20, (3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(dequantised(model, "m"), x), run(model, x), atol=0.1501)


def test_a_quantised_input_is_a_number_like_any_other() -> None:
    model = pairs("d = DequantizeLinear (x, s, three) y = Relu (d)", "uint8")
    x = np.random.default_rng(1).integers(0, 256, (5, 4)).astype(np.uint8)
    np.testing.assert_allclose(run(dequantised(model, "m"), x), run(model, x), rtol=1e-6)


def test_integers_are_padded_with_what_the_filling_stands_for() -> None:
    body = "p = Pad (q, frame, three) d = DequantizeLinear (p, s, seven) y = Slice (d, from, to, axes)"
    model = pairs(f"q = QuantizeLinear (x, s, seven) {body}")
    whole = {"frame": [0, 1, 0, 0], "from": [0], "to": [4], "axes": [1]}
    model.graph.initializer.extend(tensors({k: np.array(v, np.int64) for k, v in whole.items()}))
    model.graph.initializer.extend(tensors({"seven": np.uint8(7)}))
    x = np.random.default_rng(1).uniform(0, 20, (3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(dequantised(model, "m"), x), run(model, x), atol=0.0501)

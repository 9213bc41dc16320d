# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels against the reference, called directly and in onnxruntime."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
import pytest

from snncc import ops
from snncc.ops.registry import Array, OpDef
from snncc.runtime import create_session
from snncc.runtime.devices import cuda_unavailable
from snncc.runtime.native import Library, Neuron

pytestmark = pytest.mark.gpu
ModelBuilder = Callable[..., onnx.ModelProto]
NEURONS = tuple(map(ops.get, ("OneSpikeNeuron", "ResidualOneSpikeNeuron", "PhaseNeuron")))
SHAPES = [((5, 7), ()), ((2, 3, 5, 5), (3, 1, 1)), ((9, 33), (33,)), ((0, 4), (4,)), ((2, 64, 31, 33), (64, 1, 1))]


class Gpu:
    """Memory on the first GPU, through the driver's API."""

    def __init__(self) -> None:
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._buffers: list[ctypes.c_uint64] = []
        context = ctypes.c_void_p()
        self._call("cuInit", 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self._call("cuCtxSetCurrent", context)

    def upload(self, array: Array, offset: int = 0) -> int:
        """A copy on the device, `offset` bytes after an aligned address."""
        buffer = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(buffer), ctypes.c_size_t(array.nbytes + offset + 16))
        self._buffers.append(buffer)
        address = buffer.value + offset
        if array.nbytes > 0:
            data = np.ascontiguousarray(array)
            self._call("cuMemcpyHtoD_v2", ctypes.c_uint64(address), ctypes.c_void_p(data.ctypes.data), array.nbytes)
        return address

    def download(self, address: int, like: Array) -> Array:
        result = np.empty_like(like)
        self._call("cuCtxSynchronize")
        if result.nbytes > 0:
            self._call("cuMemcpyDtoH_v2", ctypes.c_void_p(result.ctypes.data), ctypes.c_uint64(address), result.nbytes)
        return result

    def free(self) -> None:
        for buffer in self._buffers:
            self._call("cuMemFree_v2", buffer)

    def _call(self, name: str, *arguments: Any) -> None:
        sized = [ctypes.c_size_t(a) if isinstance(a, int) and name.startswith("cuMemcpy") else a for a in arguments]
        assert getattr(self._driver, name)(*sized) == 0, name


@pytest.fixture
def gpu() -> Iterator[Gpu]:
    try:
        device = Gpu()
    except (OSError, AssertionError):
        pytest.skip("no NVIDIA driver, or no GPU")
    if not Library().has_cuda:
        pytest.skip("the library was built without CUDA")
    yield device
    device.free()


def arguments(op: OpDef, dtype: str, shapes: tuple[Any, Any], steps: int) -> tuple[list[Array], dict[str, Any]]:
    shape, parameter_shape = shapes
    rng = np.random.default_rng(steps)
    levels = np.float32(1.2 ** -np.arange(float(steps)))
    attributes: dict[str, Any] = {"levels": levels.tolist(), "thresholds": (np.float32(0.9) * levels).tolist()}
    if op.name == "PhaseNeuron":
        attributes |= {"last_thresholds": (np.float32(0.8) * levels).tolist(), "max_spikes": 3, "signed": 1}
    scale = np.asarray(rng.uniform(0.3, 3, parameter_shape), np.float32)
    x = rng.normal(0.2, 0.6, shape).astype(np.float32)
    ties = rng.choice(np.float32(attributes["thresholds"]), shape) * scale
    ties = np.where(rng.random(shape) < 0.5, np.nextafter(ties, np.float32(0)), ties)
    special = rng.choice(np.float32([np.nan, np.inf, -np.inf, -0.0, 1e-41, 3e38]), shape)
    kind = rng.random(shape)
    x = np.where(kind < 0.5, x, np.where(kind < 0.95, ties, special)).astype(np.float32)
    inputs = [
        x,
        scale,
        np.float32(rng.normal(0, 0.5, shape)),
        np.asarray(rng.uniform(0.3, 3, parameter_shape), np.float32),
    ]
    with np.errstate(over="ignore"):
        return [a.astype(dtype) if i % 2 == 0 else a for i, a in enumerate(inputs[: len(op.inputs)])], attributes


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("op", NEURONS, ids=lambda op: op.name)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("offset", [0, 8])
def test_kernel_equals_reference(op: OpDef, dtype: str, shapes: tuple[Any, Any], offset: int, gpu: Gpu) -> None:
    for steps in (1, 16, 24, 100, 256):
        inputs, attributes = arguments(op, dtype, shapes, steps)
        with np.errstate(all="ignore"):
            expected = op.reference(inputs, attributes)
        addresses = [gpu.upload(array, offset if i % 2 == 0 else 0) for i, array in enumerate(inputs)]
        y, count = gpu.upload(expected[0] * 0, offset), gpu.upload(expected[1] * 0, offset)
        Neuron(op.name, inputs, attributes, expected, [*addresses, y, count]).run()
        np.testing.assert_array_equal(gpu.download(y, expected[0]), expected[0])
        np.testing.assert_array_equal(gpu.download(count, expected[1]), expected[1])
        Neuron(op.name, inputs, attributes, [expected[0], None], [*addresses, addresses[0], None]).run()
        np.testing.assert_array_equal(gpu.download(addresses[0], expected[0]), expected[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("op", ops.all_ops(), ids=lambda op: op.name)
@pytest.mark.parametrize("offset", [0, 8])
@pytest.mark.parametrize("single", [False, True])
def test_every_op(op: OpDef, dtype: str, offset: int, single: bool, gpu: Gpu) -> None:
    """On its example, of a size that packs do or do not divide, to new memory and in place."""
    inputs, attributes = op.examples(np.random.default_rng(3))
    inputs = [a.astype(dtype) if p.type == "T" else a for p, a in zip(op.inputs, inputs, strict=True)]
    if single:
        inputs = [a[:, :, :1, :3].copy() if a.ndim == 4 else a for a in inputs]
    expected = op.reference(inputs, attributes)
    step = [p.type == "tensor(int64)" for p in op.inputs]
    given = [a.ctypes.data if host else gpu.upload(a, offset) for a, host in zip(inputs, step, strict=True)]
    outputs = [gpu.upload(np.full_like(array, 7), offset) for array in expected]
    Neuron(op.name, inputs, attributes, expected, [*given, *outputs]).run()
    for address, array in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(gpu.download(address, array), array)
    if expected[0].shape == inputs[0].shape and op.name != "Aggregate":  # whose threads read what others write
        rest = [None] * (len(expected) - 1)
        Neuron(op.name, inputs, attributes, [expected[0], *rest], [*given, given[0], *rest]).run()
        np.testing.assert_array_equal(gpu.download(given[0], expected[0]), expected[0])


@pytest.mark.parametrize("op", ops.all_ops(), ids=lambda op: op.name)
def test_every_op_in_onnxruntime(op: OpDef, gpu: Gpu) -> None:
    reason = cuda_unavailable()
    if reason is not None:
        pytest.skip(reason)
    inputs, attributes = op.examples(np.random.default_rng(4))
    expected = op.reference(inputs, attributes)
    value, kind = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
    names = ([p.name for p in op.inputs], [p.name for p in op.outputs])
    node = onnx.helper.make_node(op.name, *names, domain=ops.DOMAIN, **attributes)
    given = [value(name, kind(a.dtype), a.shape) for name, a in zip(names[0], inputs, strict=True)]
    results = [value(name, kind(a.dtype), None) for name, a in zip(names[1], expected, strict=True)]
    graph = onnx.helper.make_graph([node], op.name, given, results)
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
    session = create_session(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), device="cuda")
    outputs = session.run(None, dict(zip(names[0], inputs, strict=True)))
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_long_tables_are_refused(gpu: Gpu) -> None:
    inputs, attributes = arguments(NEURONS[0], "float32", ((3,), ()), 257)
    with pytest.raises(ValueError, match="256 phases"):
        Neuron("OneSpikeNeuron", inputs, attributes, [inputs[0]], [0, 0, 0]).run()


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("op", NEURONS, ids=lambda op: op.name)
def test_kernel_in_onnxruntime(op: OpDef, dtype: str, neuron_model: ModelBuilder, gpu: Gpu) -> None:
    reason = cuda_unavailable()
    if reason is not None:
        pytest.skip(reason)
    inputs, attributes = arguments(op, dtype, ((2, 3, 5, 5), (3, 1, 1)), 16)
    model = neuron_model(op.name, (2, 3, 5, 5), (3, 1, 1), dtype, **attributes)
    session = create_session(model, device="cuda")
    feeds = {parameter.name: array for parameter, array in zip(op.inputs, inputs, strict=True)}
    with np.errstate(all="ignore"):
        expected = op.reference(inputs, attributes)
    for one, other in zip(session.run(None, feeds), expected, strict=True):
        np.testing.assert_array_equal(one, other)

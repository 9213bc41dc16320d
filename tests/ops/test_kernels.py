# SPDX-License-Identifier: Apache-2.0
"""Reference, function body and native kernel of every op agree to the last bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.reference import ReferenceEvaluator

from snncc import ops
from snncc.ops.registry import Array, OpDef
from snncc.runtime import create_session
from snncc.runtime.native import Library, Neuron

OPSET = 20
DTYPES = ("float32", "float16", "float64")
VARIANTS = ("plain", "avx2", "avx512")
NAMES = ("OneSpikeNeuron", "ResidualOneSpikeNeuron", "PhaseNeuron", "CoarseFineNeuron", "FSNeuron")
NEURONS = tuple(map(ops.get, NAMES))
GOLDEN = Path(os.environ.get("SNNCC_SHARED", Path(__file__).parents[3] / "shared")) / "golden"

# X's shape and that of scale and weight.
SHAPES = {
    "scalar": ((5, 7), ()),
    "one-element": ((3, 1, 37), (1,)),
    "per-channel": ((2, 3, 5, 5), (3, 1, 1)),
    "per-channel-long": ((2, 3, 70, 71), (3, 1, 1)),
    "per-last-dim": ((9, 33), (33,)),
    "per-last-dim-long": ((3, 1100), (1100,)),
    "per-first-dim": ((4, 6), (4, 1)),
    "empty": ((0, 4), (4,)),
    "rank-0": ((), ()),
}
# Number of phases and base: one, few, the paper's two, tables of every search that the kernels have, and longer ones.
TABLES = ((1, 1.5), (8, 2.0), (16, 1.3), (24, 1.2), (32, 1.07), (64, 1.05), (90, 1.04))


every_variant = pytest.mark.parametrize("library", VARIANTS, indirect=True)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_neuron = pytest.mark.parametrize("op", NEURONS, ids=lambda op: op.name)


def tables(steps: int, base: float, op: OpDef) -> dict[str, Any]:
    levels = (base ** -np.arange(float(steps))).astype(np.float32)
    if op.name == "FSNeuron":
        signs = np.where(np.arange(steps) % 5 == 4, -1, 1)
        given = {"thresholds": 0.9 * levels, "resets": 1.1 * levels * signs, "values": levels * signs}
        return {name: np.float32(table).tolist() for name, table in given.items()} | {"initial": 0.01}
    attributes: dict[str, Any] = {"levels": levels.tolist()}
    attributes["thresholds"] = (np.float32((1 + 1 / base) / 2) * levels).tolist()
    if op.name == "PhaseNeuron":
        attributes |= {"last_thresholds": (np.float32(0.8) * levels).tolist(), "max_spikes": 3, "signed": 1}
    if op.name == "CoarseFineNeuron":
        fine = {"fine_levels": 0.2 * levels, "fine_thresholds": 0.17 * levels}
        attributes |= {name: np.float32(table).tolist() for name, table in fine.items()} | {"signed": steps % 2}
    return attributes


def potentials(rng: np.random.Generator, shape: tuple[int, ...], scale: Array, thresholds: list[float]) -> Array:
    """Ordinary values, many thresholds and their neighbours, and special values of floats."""
    x = rng.normal(0.2, 0.6, shape).astype(np.float32)
    ties = (rng.choice(np.float32(thresholds), shape) * np.broadcast_to(scale, shape)).astype(np.float32)
    ties = rng.choice(np.float32([1, -1]), shape, p=[0.8, 0.2]) * ties
    ties = np.where(rng.random(shape) < 0.6, np.nextafter(ties, rng.choice(np.float32([-9, 9]), shape)), ties)
    special = rng.choice(np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-41, 3e38, -3e38]), shape)
    kind = rng.random(shape)
    return np.asarray(np.where(kind < 0.5, x, np.where(kind < 0.95, ties, special)), np.float32)


def arguments(op: OpDef, dtype: str, shapes: str, table: tuple[int, float]) -> tuple[list[Array], dict[str, Any]]:
    shape, parameter_shape = SHAPES[shapes]
    rng = np.random.default_rng([len(shapes), table[0]])
    attributes = tables(*table, op)
    scale = np.asarray(rng.uniform(0.3, 3, parameter_shape), np.float32)
    inputs = [potentials(rng, shape, scale, attributes["thresholds"]), scale]
    if len(op.inputs) == 4:
        inputs += [np.float32(rng.normal(0, 0.5, shape)), np.asarray(rng.uniform(0.3, 3, parameter_shape), np.float32)]
    return cast(op, inputs, dtype), attributes


def cast(op: OpDef, inputs: list[Array], dtype: str) -> list[Array]:
    with np.errstate(over="ignore"):
        pairs = zip(op.inputs, inputs, strict=True)
        return [np.asarray(array, dtype if parameter.type == "T" else array.dtype) for parameter, array in pairs]


def reference(op: OpDef, inputs: list[Array], attributes: dict[str, Any]) -> tuple[Array, ...]:
    # numpy turns arrays of rank 0 into scalars as it computes.
    shape = inputs[0].shape
    with np.errstate(all="ignore"):
        outputs = op.reference([np.atleast_1d(array) for array in inputs], attributes)
    return tuple(output.reshape(shape) for output in outputs)


def build(op: OpDef, inputs: list[Array], attributes: dict[str, Any]) -> onnx.ModelProto:
    """A model of one node, with the op's function body in it."""
    names = [parameter.name for parameter in op.inputs]
    outputs = [parameter.name for parameter in op.outputs]
    node = onnx.helper.make_node(op.name, names, outputs, name="neuron", domain=ops.DOMAIN, **attributes)
    element = [onnx.helper.np_dtype_to_tensor_dtype(array.dtype) for array in inputs]
    value = onnx.helper.make_tensor_value_info
    kinds = [element[0] if p.type == "T" else onnx.TensorProto.INT32 for p in op.outputs]
    out = [value(name, kind, inputs[0].shape) for name, kind in zip(outputs, kinds, strict=True)]
    graph = onnx.helper.make_graph(
        [node], op.name, [value(n, e, a.shape) for n, e, a in zip(names, element, inputs, strict=True)], out
    )
    opsets = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
    body = op.function(op.length(attributes), OPSET)
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=[body])


def feeds(op: OpDef, inputs: list[Array]) -> dict[str, Array]:
    return {parameter.name: array for parameter, array in zip(op.inputs, inputs, strict=True)}


def run_native(op: OpDef, inputs: list[Array], attributes: dict[str, Any]) -> tuple[Array, Array]:
    y = np.full_like(inputs[0], -5)
    count = np.full(inputs[0].shape, -5, np.int32)
    Neuron(op.name, inputs, attributes, [y, count]).run()
    return y, count


def assert_same(actual: Any, expected: tuple[Array, ...]) -> None:
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@every_dtype
@every_neuron
@pytest.mark.parametrize("shapes", SHAPES)
def test_body_equals_reference(op: OpDef, dtype: str, shapes: str) -> None:
    for table in ((1, 1.5), (16, 1.3)):
        inputs, attributes = arguments(op, dtype, shapes, table)
        expected = reference(op, inputs, attributes)
        model = build(op, inputs, attributes)
        plain = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        assert_same(plain.run(None, feeds(op, inputs)), expected)
        with np.errstate(all="ignore"):
            assert_same(ReferenceEvaluator(model).run(None, feeds(op, inputs)), expected)


@every_variant
@every_dtype
@every_neuron
@pytest.mark.parametrize("shapes", SHAPES)
def test_kernel_equals_reference(op: OpDef, dtype: str, shapes: str, library: Library) -> None:
    for table in TABLES:
        inputs, attributes = arguments(op, dtype, shapes, table)
        expected = reference(op, inputs, attributes)
        assert_same(run_native(op, inputs, attributes), expected)
        # Without a count the kernels take other paths.
        y = np.empty_like(inputs[0])
        Neuron(op.name, inputs, attributes, [y, None]).run()
        assert_same([y], expected[:1])


@every_variant
@every_dtype
@every_neuron
@pytest.mark.parametrize("shapes", SHAPES)
def test_kernel_in_onnxruntime(op: OpDef, dtype: str, shapes: str, library: Library) -> None:
    inputs, attributes = arguments(op, dtype, shapes, (24, 1.2))
    session = create_session(build(op, inputs, attributes), device="cpu")
    assert_same(session.run(None, feeds(op, inputs)), reference(op, inputs, attributes))


@every_variant
@every_neuron
def test_sizes_that_leave_tails(op: OpDef, library: Library) -> None:
    rng = np.random.default_rng(3)
    attributes = tables(16, 1.3, op)
    for size in (*range(70), 127, 1023, 1024, 1025):
        scale = np.float32([1 if size % 2 else 0.7])
        x = potentials(rng, (size,), scale, attributes["thresholds"])
        inputs = [x, scale, rng.permutation(x), np.float32([0.9])][: len(op.inputs)]
        assert_same(run_native(op, inputs, attributes), reference(op, inputs, attributes))


@every_variant
@every_neuron
@pytest.mark.parametrize("scale", [1.0, 0.37, 1e-30, 1e30, 1e-41, np.inf, np.nan, 0.0, -1.5])
def test_every_threshold_and_its_neighbours(op: OpDef, scale: float, library: Library) -> None:
    for table in TABLES:
        attributes = tables(*table, op)
        thresholds = np.float32(attributes["thresholds"])
        with np.errstate(all="ignore"):
            ties = thresholds * np.float32(scale)
            near = [ties]
            for _ in range(3):
                near = [np.nextafter(near[0], np.float32(-np.inf)), *near, np.nextafter(near[-1], np.float32(np.inf))]
            x = np.concatenate([*near, *(-n for n in near), np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0])])
        inputs = [x, np.float32([scale]), np.zeros_like(x), np.float32([1])][: len(op.inputs)]
        assert_same(run_native(op, inputs, attributes), reference(op, inputs, attributes))


@every_variant
def test_ties_fire(library: Library) -> None:
    attributes = {"levels": [1.0, 0.5], "thresholds": [0.75, 0.25]}
    below = np.nextafter(np.float32([0.75, 0.25]), np.float32(0))
    x = np.float32([0.75, 0.25, *below, np.nan, np.inf, -np.inf, -0.0])
    y, count = run_native(NEURONS[0], [x, np.float32([1])], attributes)
    np.testing.assert_array_equal(y, np.float32([1, 0.5, 0.5, 0, 0, 1, 0, 0]))
    np.testing.assert_array_equal(count, [1, 1, 1, 0, 0, 1, 0, 0])


@every_variant
@every_dtype
@every_neuron
def test_output_may_overwrite_input(op: OpDef, dtype: str, library: Library) -> None:
    inputs, attributes = arguments(op, dtype, "per-channel-long", (24, 1.2))
    expected = reference(op, inputs, attributes)
    Neuron(op.name, inputs, attributes, [inputs[0], None]).run()
    assert_same(inputs[:1], expected[:1])


@every_variant
def test_equal_thresholds_take_the_first_phase(library: Library) -> None:
    attributes = {"levels": [3.0, 2.0, 1.0, 0.5], "thresholds": [1.0, 1.0, 1.0, 0.25]}
    inputs = [np.float32([2, 1, 0.5, 0.1]), np.float32([1])]
    assert_same(run_native(NEURONS[0], inputs, attributes), reference(NEURONS[0], inputs, attributes))


def golden(pattern: str) -> list[Any]:
    files = [file for file in sorted(GOLDEN.glob(pattern)) if not file.name.startswith("phase_wait")]
    missing = pytest.mark.skip(reason=f"no golden vectors in {GOLDEN}; set SNNCC_SHARED")
    return [pytest.param(file, id=file.stem) for file in files] or [pytest.param(None, marks=missing, id="absent")]


def golden_case(file: Path) -> tuple[OpDef, list[Array], dict[str, Any], Array, Array]:
    data = np.load(file)
    T, Q = int(data["T"]), float(data["Q"])
    levels = Q ** -np.arange(float(T))
    shift = (1 + 1 / Q) / 2 if data.get("shift", 0) else 1.0
    attributes: dict[str, Any] = {"levels": np.float32(levels).tolist()}
    attributes["thresholds"] = np.float32(shift * levels).tolist()
    inputs = [data["x"], np.float32([1])]
    if "spikes" in data:
        attributes |= {"last_thresholds": attributes["thresholds"], "max_spikes": T, "signed": 0}
        return ops.get("PhaseNeuron"), inputs, attributes, data["y"], data["spikes"]
    return ops.get("OneSpikeNeuron"), inputs, attributes, data["y"], (data["phase"] >= 0).astype(np.int32)


@pytest.mark.parametrize("file", golden("phase_*.npz"))
def test_golden(file: Path) -> None:
    op, inputs, attributes, y, count = golden_case(file)
    assert_same(reference(op, inputs, attributes), (y, count))
    model = build(op, inputs, attributes)
    plain = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert_same(plain.run(None, feeds(op, inputs)), (y, count))
    assert_same(create_session(model, device="cpu").run(None, feeds(op, inputs)), (y, count))


@every_variant
@pytest.mark.parametrize("file", golden("phase_*.npz"))
def test_golden_kernel(file: Path, library: Library) -> None:
    op, inputs, attributes, y, count = golden_case(file)
    assert_same(run_native(op, inputs, attributes), (y, count))

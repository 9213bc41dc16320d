# SPDX-License-Identifier: Apache-2.0
"""Short bodies give the outputs of the reference to the last bit, wherever an op has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.reference import ReferenceEvaluator

from snncc import ops
from snncc.ir.function_bodies import attach_bodies
from snncc.ops.registry import Array, OpDef
from snncc.runtime.native import Library, Neuron

DTYPES = ("float32", "float16", "float64")
NEVER = 2.0**127
Attributes = dict[str, Any]


def halves(count: int, first: float = 1.0) -> Array:
    return np.float32(first * 2.0 ** -np.arange(count))


def few_spikes(table: Array, initial: float, idle: int = 0) -> Attributes:
    given = np.append(table, np.zeros(idle, np.float32))
    thresholds = np.append(table, np.full(idle, NEVER, np.float32))
    return {"thresholds": thresholds.tolist(), "resets": given.tolist(), "values": given.tolist(), "initial": initial}


def binary(bits: int, signed: int, *, rounds: bool, idle: int = 0) -> Attributes:
    levels = np.append(halves(bits), np.full(idle, halves(bits)[-1]))
    thresholds = np.float32(levels - levels[-1] / 2) if rounds else levels
    tables = {"levels": levels.tolist(), **dict.fromkeys(("thresholds", "last_thresholds"), thresholds.tolist())}
    return {**tables, "max_spikes": bits, "signed": signed}


def one_spike(levels: Array, **more: Any) -> Attributes:
    thresholds = np.float32((levels + np.append(levels[1:], 0)) / 2)
    return {"levels": levels.tolist(), "thresholds": thresholds.tolist(), **more}


def fitted(rng: np.random.Generator, steps: int) -> Array:
    """Levels that fall, closer to each other near 0."""
    places = (np.arange(steps, 0, -1) + rng.uniform(0, 0.2, steps)) / steps
    return np.float32(places**1.2 * rng.uniform(0.7, 1.3))


def cases() -> Iterator[tuple[str, Attributes]]:
    """(Op, attributes) of every kind that has a short body."""
    rng = np.random.default_rng(5)
    for bits in (1, 2, 6, 10, 23, 24):
        for initial in (0.0, 2.0 ** -(bits + 1), 0.013, -0.3):
            yield "FSNeuron", few_spikes(halves(bits, 0.5), initial)
        yield "FSNeuron", few_spikes(halves(bits, 8.0), 0.1, idle=3)
    for steps in (1, 2, 8, 32, 128):
        yield "FSNeuron", few_spikes(np.full(steps, np.float32(1 / steps)), 0.5 / steps)
    yield "FSNeuron", few_spikes(np.ones(5, np.float32), 0.25)
    for bits in (1, 2, 8, 16, 22, 23, 24, 25, 26, 33, 64):
        for signed in (0, 1):
            yield "PhaseNeuron", binary(bits, signed, rounds=False)
            if bits < 24:
                yield "PhaseNeuron", binary(bits, signed, rounds=True, idle=bits % 3)
    for steps, base in ((1, 1.5), (8, 2.0), (16, 1.2), (16, 1.3), (24, 1.2), (9, 1.1)):
        tables = [np.float32(base ** -np.arange(float(steps))), fitted(rng, steps), fitted(rng, steps) * 40]
        tables += [np.repeat(fitted(rng, steps), 2)]
        for levels in map(np.float32, tables):
            yield "OneSpikeNeuron", one_spike(levels)
            yield "ResidualOneSpikeNeuron", one_spike(levels)
            fine = one_spike(np.float32(levels * 0.2))
            pair = {f"fine_{name}": value for name, value in fine.items()}
            yield "CoarseFineNeuron", one_spike(levels, **pair, signed=steps % 2)
            yield "CoarseFineNeuron", one_spike(levels, **pair, signed=1)


CASES = [pytest.param(op, a, id=f"{op}-{index}") for index, (op, a) in enumerate(cases())]


def hostile(rng: np.random.Generator, attributes: Attributes, scale: Array, size: int) -> Array:
    """Ordinary values, sums of table entries and their neighbours, and special values of floats."""
    names = [name for name, value in attributes.items() if isinstance(value, list)]
    entries = np.float32([x for name in names for x in attributes[name] if x < NEVER])
    sums = rng.choice(entries, (size, 6)) * rng.integers(-1, 3, (size, 6))
    near = np.float32(sums.sum(axis=1) - attributes.get("initial", 0.0)) * scale
    steps = rng.choice(np.float32([-np.inf, 0.0, np.inf]), size)
    near = np.where(steps == 0, near, np.nextafter(near, steps))
    x = np.where(rng.random(size) < 0.5, near, np.float32(rng.normal(0.3, 1, size)) * scale)
    special = np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-41, -1e-41, 3e38, -3e38, 1.0, 2.0, -2.0])
    x[: len(special)] = special
    return np.float32(x)


def model_of(op: OpDef, inputs: list[Array], attributes: Attributes, wanted: tuple[str, ...]) -> onnx.ModelProto:
    """One node that names the `wanted` outputs, with parameters as weights, and the body that it is given."""
    names = [p.name for p in op.inputs]
    outputs = [p.name if p.name in wanted else "" for p in op.outputs]
    node = onnx.helper.make_node(op.name, names, outputs, domain=ops.DOMAIN, **attributes)
    value, kind = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
    tensors = [p.type == "T" for p in op.inputs]
    arrays = list(zip(names, inputs, tensors, strict=True))
    weights = [onnx.numpy_helper.from_array(a, n) for n, a, given in arrays if not given]
    given = [value(n, kind(a.dtype), ["N", *a.shape[1:]]) for n, a, is_given in arrays if is_given]
    graph = onnx.helper.make_graph([node], "one", given, [onnx.ValueInfoProto(name=n) for n in wanted], weights)
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    attach_bodies(model)
    return model


def outputs_of(model: onnx.ModelProto, op: OpDef, inputs: list[Array], *, evaluator: bool = True) -> Iterator[Any]:
    """The outputs in onnxruntime without the library, with and without its optimisations, and in onnx's evaluator."""
    weights = {w.name for w in model.graph.initializer}
    feeds = {p.name: a for p, a in zip(op.inputs, inputs, strict=True) if p.name not in weights}
    for level in (ort.GraphOptimizationLevel.ORT_ENABLE_ALL, ort.GraphOptimizationLevel.ORT_DISABLE_ALL):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        yield ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
            None, feeds
        )
    if evaluator and int(np.__version__.split(".")[0]) > 1:  # numpy 1 has no lookup in tables of more than 32 entries
        with np.errstate(all="ignore"):
            yield ReferenceEvaluator(model).run(None, feeds)


@pytest.mark.parametrize(("name", "attributes"), CASES)
def test_short_body_equals_reference(name: str, attributes: Attributes) -> None:
    op, rng = ops.get(name), np.random.default_rng(len(name))
    assert op.short_body([attributes]) is not None
    for scale in (np.ones(1), np.full(1, 0.37), np.full((), 1e-30), rng.uniform(-1, 3, (3, 1))):
        for dtype in DTYPES[: 3 if scale.size == 3 else 1]:
            unit = np.float32(scale)
            x = hostile(rng, attributes, unit.ravel()[0], 1200).reshape(40, 3, 10)
            with np.errstate(all="ignore"):
                inputs = [x.astype(dtype), unit, rng.permutation(x).astype(dtype), np.float32([0.5])][: len(op.inputs)]
                expected = op.reference(inputs, attributes)
            model = model_of(op, inputs, attributes, ("Y", "count"))
            for found in outputs_of(model, op, inputs):
                for one, other in zip(found, expected, strict=True):
                    assert one.dtype == other.dtype
                    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("library", ["plain", "avx2", "avx512"], indirect=True)
@pytest.mark.parametrize(("name", "attributes"), CASES)
def test_kernel_equals_reference(name: str, attributes: Attributes, library: Library) -> None:
    """For these tables the kernels have closed forms and searches, too."""
    op, rng = ops.get(name), np.random.default_rng(len(name) + 1)
    for scale in (np.ones(1), np.full(1, 0.37), rng.uniform(-1, 3, (3, 1))):
        unit = np.float32(scale)
        x = hostile(rng, attributes, unit.ravel()[0], 3 * 1301).reshape(1, 3, 1301)
        for dtype in DTYPES:
            with np.errstate(all="ignore"):
                inputs = [x.astype(dtype), unit, rng.permutation(x).astype(dtype), np.float32([0.5])][: len(op.inputs)]
                expected = op.reference(inputs, attributes)
            found = [np.zeros_like(inputs[0]), np.zeros(x.shape, np.int32)]
            alone = np.zeros_like(inputs[0])
            Neuron(name, inputs, attributes, found).run()
            Neuron(name, inputs, attributes, [alone, None]).run()
            for one, other in zip([*found, alone], [*expected, expected[0]], strict=True):
                np.testing.assert_array_equal(one, other)


def test_no_samples_and_no_axes() -> None:
    levels = np.float32(1.3 ** -np.arange(8.0))
    for name, attributes in (("OneSpikeNeuron", one_spike(levels)), ("FSNeuron", few_spikes(halves(4), 0.0))):
        for shape in ((0, 4), ()):
            x = np.full(shape, 0.6, np.float32)
            node = onnx.helper.make_node(name, ["x", "s"], ["y", ""], domain=ops.DOMAIN, **attributes)
            value = onnx.helper.make_tensor_value_info
            graph = onnx.helper.make_graph([node], "g", [value("x", 1, shape)], [value("y", 1, shape)])
            graph.initializer.append(onnx.numpy_helper.from_array(np.ones(1, np.float32), "s"))
            opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
            model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
            attach_bodies(model)
            session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            expected = ops.get(name).reference([x, np.ones(1, np.float32)], attributes)[0]
            np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)


STEPS_ONLY = [
    ("FSNeuron", few_spikes(np.float32([0.5, 0.25, 0.2]), 0.0)),
    ("FSNeuron", few_spikes(np.full(3, np.float32(1 / 3)), 0.1)),
    ("FSNeuron", few_spikes(halves(4), np.inf)),
    ("FSNeuron", {**few_spikes(halves(4), 0.0), "values": [1.0, 0.5, 0.25, 0.1]}),
    ("FSNeuron", {**few_spikes(halves(4), 0.0, idle=1), "values": [1.0, 0.5, 0.25, 0.125, 0.1]}),
    ("PhaseNeuron", {**binary(8, 1, rounds=False), "max_spikes": 7}),
    ("PhaseNeuron", {**binary(8, 1, rounds=True, idle=2), "max_spikes": 9}),
    ("PhaseNeuron", {**binary(8, 1, rounds=False), "last_thresholds": (0.75 * halves(8)).tolist()}),
    ("PhaseNeuron", binary(100, 1, rounds=False)),
    ("OneSpikeNeuron", one_spike(np.float32([1.0, 0.999999, 0.999998, 0.999997]))),
    ("OneSpikeNeuron", one_spike(np.float32(1.05 ** -np.arange(64.0)))),
]


@pytest.mark.parametrize(("name", "attributes"), STEPS_ONLY)
def test_other_tables_keep_their_steps(name: str, attributes: Attributes) -> None:
    assert ops.get(name).short_body([attributes]) is None


def test_all_nodes_of_an_op_share_a_body() -> None:
    neuron = ops.get("FSNeuron")
    closed, other = few_spikes(halves(3), 0.0), few_spikes(np.float32([0.5, 0.3, 0.2]), 0.0)
    assert neuron.short_body([closed, closed]) is not None
    assert neuron.short_body([closed, other]) is None
    assert ops.get("PhaseNeuron").short_body([binary(8, 1, rounds=False), binary(8, 0, rounds=False)]) is None


@pytest.mark.parametrize("op", [op for op in ops.all_ops() if op.neuron], ids=lambda op: op.name)
@pytest.mark.parametrize("wanted", ["Y", "all"])
def test_last_axis_of_length_one(op: OpDef, wanted: str) -> None:
    """Such tensors are flattened, and every output has the shape that it would have."""
    inputs, attributes = op.examples(np.random.default_rng(11))
    rows = inputs[0].shape[0]
    pairs = list(zip(op.inputs, inputs, strict=True))
    states = {p.name: a.reshape(a.shape[0], -1, 1) for p, a in pairs if p.name in op.states and a.size > 1}
    shaped = [a.reshape(rows, -1, 1) if p.type == "T" else states.get(p.name, a) for p, a in pairs]
    one = [np.float32([0.8]) if p.name in ("scale", "weight") else a for p, a in zip(op.inputs, shaped, strict=True)]
    names = ("Y",) if wanted == "Y" else tuple(p.name for p in op.outputs)
    model = model_of(op, one, attributes, names)
    assert "Flatten" in {node.op_type for node in model.functions[0].node}
    expected = dict(zip((p.name for p in op.outputs), op.reference(one, attributes), strict=True))
    for found in outputs_of(model, op, one):
        for name, array in zip(names, found, strict=True):
            assert array.shape == expected[name].shape
            np.testing.assert_array_equal(array, expected[name])

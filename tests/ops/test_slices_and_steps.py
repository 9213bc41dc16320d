# SPDX-License-Identifier: Apache-2.0
"""Neurons that receive values in slices, and neurons that run one time step per call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snncc import ops
from snncc.ops.registry import Array, OpDef
from snncc.runtime.native import Library

SLICED = tuple(map(ops.get, ("WaitOneSpikeNeuron", "PhaseEncoder")))
STEPPING = {"PhaseNeuronStep": "PhaseNeuron", "FSNeuronStep": "FSNeuron"}

# The shape of one slice, and that of the scale.
SHAPES = {
    "one-element": ((6,), (1,)),
    "rank-2": ((5, 7), ()),
    "per-channel": ((2, 3, 5, 5), (3, 1, 1)),
    "per-channel-long": ((2, 2, 30, 37), (2, 1, 1)),
    "per-last-dim": ((9, 33), (33,)),
    "per-last-dim-long": ((2, 1100), (1100,)),
    "empty": ((0, 4), (4,)),
}
# Phases, and how many of them a layer waits for.
WAITS = ((1, 1), (16, 16), (16, 15), (16, 4), (24, 1))

every_variant = pytest.mark.parametrize("library", ["plain", "avx2", "avx512"], indirect=True)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
every_shape = pytest.mark.parametrize("shapes", SHAPES)
every_sliced = pytest.mark.parametrize("op", SLICED, ids=lambda op: op.name)
every_step = pytest.mark.parametrize("name", STEPPING)


def potentials(rng: np.random.Generator, shape: tuple[int, ...], thresholds: Array, scale: Array) -> Array:
    """Ordinary values, thresholds and their neighbours, and some special values of floats."""
    kind = rng.random(shape)
    ties = np.float32(rng.choice(thresholds, shape) * rng.choice([1, -1], shape, p=[0.8, 0.2])) * scale
    ties = np.where(rng.random(shape) < 0.5, np.nextafter(ties, np.float32(0)), ties)
    unusual = rng.choice(np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-41, 3e38, -3e38]), shape)
    x = np.where(kind < 0.5, rng.normal(0.2, 0.6, shape), np.where(kind < 0.98, ties, unusual))
    return np.float32(x)


def arguments(op: OpDef, shapes: str, phases: int, wait: int) -> tuple[list[Array], dict[str, Any]]:
    shape, scale_shape = SHAPES[shapes]
    rng = np.random.default_rng([phases, wait, len(shapes)])
    scale = np.asarray(2.0 ** rng.integers(-2, 3, scale_shape), np.float32)
    levels = np.float32(1.3 ** -np.arange(float(phases)))
    thresholds = np.float32(0.88) * levels
    attributes: dict[str, Any] = {"levels": levels.tolist(), "thresholds": thresholds.tolist(), "wait": wait}
    slices = 1 if op.name == "PhaseEncoder" else phases - wait + 1
    if op.name == "PhaseEncoder":
        last = (np.float32(0.8) * levels).tolist()
        attributes |= {"last_thresholds": last, "max_spikes": 3 + wait % 2, "signed": wait % 2}
    x = potentials(rng, (slices, *shape), thresholds, scale)
    return [x.reshape(slices * shape[0], *shape[1:]), scale], attributes


@every_variant
@every_dtype
@every_sliced
@every_shape
def test_sliced_kernel_equals_reference(op: OpDef, dtype: str, shapes: str, library: Library, run: Any) -> None:
    for phases, wait in WAITS:
        inputs, attributes = arguments(op, shapes, phases, wait)
        inputs = run.cast(op, inputs, dtype)
        expected = run.reference(op, inputs, attributes)
        run.assert_same(run.native(op, inputs, attributes), expected)
        run.assert_same(run.native(op, inputs, attributes, [True, False])[:1], expected[:1])


@every_dtype
@every_sliced
@every_shape
def test_sliced_body_equals_reference(op: OpDef, dtype: str, shapes: str, run: Any) -> None:
    for phases, wait in ((1, 1), (16, 4)):
        inputs, attributes = arguments(op, shapes, phases, wait)
        inputs = run.cast(op, inputs, dtype)
        expected = run.reference(op, inputs, attributes)
        run.assert_same(run.body(op, inputs, attributes), expected, signs=False)
        run.assert_same(run.session(op, inputs, attributes), expected)


@every_variant
def test_slices_may_be_overwritten(library: Library, run: Any) -> None:
    inputs, attributes = arguments(SLICED[0], "per-channel-long", 16, 4)
    expected = run.reference(SLICED[0], inputs, attributes)
    run.native_into(SLICED[0], inputs, attributes, [inputs[0], None])
    run.assert_same(inputs[:1], expected[:1])


@every_sliced
@pytest.mark.parametrize("wait", [0, 17, -1])
def test_wait_out_of_range(op: OpDef, wait: int, run: Any) -> None:
    inputs, attributes = arguments(op, "rank-2", 16, 4)
    with pytest.raises(ValueError, match=f"'wait' is {wait}; it must be from 1 to 16"):
        run.native_into(op, inputs, attributes | {"wait": wait}, [None, None])


def test_slices_that_do_not_divide_the_rows(run: Any) -> None:
    inputs, attributes = arguments(SLICED[0], "rank-2", 16, 14)
    inputs[0] = inputs[0][:-1]
    with pytest.raises(ValueError, match="X has 14 rows, which does not divide into 3 slices; stack"):
        run.native(SLICED[0], inputs, attributes)


def stepping(name: str, shapes: str) -> tuple[list[Array], dict[str, Any], dict[str, Any]]:
    """Inputs of the first step, attributes of the neuron, and additional ones of its single-step form."""
    shape, scale_shape = SHAPES[shapes]
    rng = np.random.default_rng(len(shapes))
    scale = np.asarray(2.0 ** rng.integers(-2, 3, scale_shape), np.float32)
    levels = np.float32(1.5 ** -np.arange(8.0))
    thresholds = np.float32(0.9) * levels
    if name == "PhaseNeuronStep":
        attributes: dict[str, Any] = {"levels": levels.tolist(), "thresholds": thresholds.tolist()}
        attributes |= {"last_thresholds": (np.float32(0.8) * levels).tolist(), "max_spikes": 3, "signed": 1}
    else:
        attributes = {"thresholds": thresholds.tolist(), "resets": levels.tolist(), "values": (-levels).tolist()}
        attributes |= {"initial": 0.0625}
    x = potentials(rng, shape, thresholds, scale)
    states = [np.zeros(1, np.float32) for _ in ops.get(name).states]
    return [x, scale, *states, np.zeros(1, np.int64)], attributes, {"start": 2}


@every_variant
@every_dtype
@every_step
@every_shape
def test_steps_end_as_the_neuron_does(name: str, dtype: str, shapes: str, library: Library, run: Any) -> None:
    """Each step as the reference has it, before the first phase and after the last as well."""
    op = ops.get(name)
    inputs, attributes, start = stepping(name, shapes)
    inputs = run.cast(op, inputs, dtype)
    counts = np.zeros(inputs[0].shape, np.int32)
    for t in range(12):
        inputs[-1] = np.array([t], np.int64)
        expected = run.reference(op, inputs, attributes | start)
        outputs = run.native(op, inputs, attributes | start)
        run.assert_same(outputs, expected)
        inputs[2:-1] = outputs[1:-1]
        counts += outputs[-1]
    whole = run.reference(ops.get(STEPPING[name]), inputs[:2], attributes)
    run.assert_same([outputs[0], counts], whole, signs=False)


@every_dtype
@every_step
@pytest.mark.parametrize("shapes", ["rank-2", "per-channel", "empty"])
def test_step_bodies(name: str, dtype: str, shapes: str, run: Any) -> None:
    op = ops.get(name)
    inputs, attributes, start = stepping(name, shapes)
    inputs = run.cast(op, inputs, dtype)
    for t in (0, 2, 5, 11):
        inputs[-1] = np.array([t], np.int64)
        expected = run.reference(op, inputs, attributes | start)
        run.assert_same(run.body(op, inputs, attributes | start), expected, signs=False)
        run.assert_same(run.session(op, inputs, attributes | start), expected)
        inputs[2:-1] = expected[1:-1]


@every_variant
@every_step
@pytest.mark.parametrize("start", [2, -2, 0, 2**63 - 2, -(2**63), -(2**63) + 3])
def test_counters_wrap(name: str, start: int, library: Library, run: Any) -> None:
    """Numbers of steps at the ends of int64: the phase is the difference as int64 has it."""
    op = ops.get(name)
    inputs, attributes, _ = stepping(name, "rank-2")
    attributes["start"] = start
    for number in (2**63 - 1, 2**63 - 2, -(2**63), -(2**63) + 1, -(2**63) + 5, -1, 0, start):
        inputs[-1] = np.array([number], np.int64)
        expected = run.reference(op, inputs, attributes)
        run.assert_same(run.native(op, inputs, attributes), expected)
        run.assert_same(run.session(op, inputs, attributes), expected)
        run.assert_same(run.body(op, inputs, attributes), expected, signs=False)


@pytest.mark.parametrize("limit", [1, 2**24 + 1, 2**63 - 1])
def test_any_number_of_spikes_may_be_allowed(limit: int, run: Any) -> None:
    op = ops.get("PhaseNeuronStep")
    inputs, attributes, start = stepping("PhaseNeuronStep", "rank-2")
    attributes |= start | {"max_spikes": limit}
    inputs[4], inputs[-1] = np.float32([2**24 - 1]), np.array([3], np.int64)
    expected = run.reference(op, inputs, attributes)
    run.assert_same(run.native(op, inputs, attributes), expected)
    run.assert_same(run.body(op, inputs, attributes), expected, signs=False)


def test_tables_of_different_lengths(run: Any) -> None:
    inputs, attributes, start = stepping("FSNeuronStep", "rank-2")
    with pytest.raises(ValueError, match="'resets' has 1 entries, 'thresholds' has 8"):
        run.native(ops.get("FSNeuronStep"), inputs, attributes | start | {"resets": [1.0]})


def test_step_has_one_element(run: Any) -> None:
    inputs, attributes, start = stepping("FSNeuronStep", "rank-2")
    with pytest.raises(ValueError, match="step has 2 elements; give it one"):
        run.native(ops.get("FSNeuronStep"), [*inputs[:-1], np.zeros(2, np.int64)], attributes | start)

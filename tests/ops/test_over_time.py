# SPDX-License-Identifier: Apache-2.0
"""Ops over time: kernels and bodies against the reference, states, split calls, and refused inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snncc import ops
from snncc.ops.msat import PRESETS
from snncc.ops.registry import Array, OpDef
from snncc.runtime.native import Library

OPS = tuple(op for op in ops.all_ops() if any(a.name == "steps" for a in op.attributes))
LEVELS = [1.0, 0.5, 0.25, 0.75, 0.25, 0.125]
TABLES = {"tables": 2, "levels": LEVELS, "thresholds": [0.75, 0.5, 0.25, 0.5, 0.25, 0.125], "signed": 0}
CONFIDENCE = {"survival": 3 * 2**30, "early": 9, "key": 4_000_000_007}

# The shape of one time step, and that of the scale.
SHAPES = {
    "one-element": ((6,), (1,)),
    "rank-2": ((5, 7), ()),
    "per-channel": ((2, 3, 5, 5), (3, 1, 1)),
    "per-channel-long": ((2, 2, 30, 37), (2, 1, 1)),
    "per-last-dim": ((9, 33), (33,)),
    "per-last-dim-long": ((2, 1100), (1100,)),
    "per-sample": ((4, 6), (4, 1)),
    "unit": ((3, 41), "ones"),
    "empty": ((0, 4), (4,)),
}

# Numbers of a first step that no run reaches, at and next to the ends of int64, and where float32 has gaps.
COUNTERS = (2**63 - 1, 2**63 - 2, 2**63 - 3, -(2**63), -(2**63) + 1, -1, -2, -3, 2**62 + 2**38 + 1, 2**24 + 1)

every_variant = pytest.mark.parametrize("library", ["plain", "avx2", "avx512"], indirect=True)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
every_shape = pytest.mark.parametrize("shapes", SHAPES)


def attributes_of(op: OpDef, steps: int) -> dict[str, Any]:
    known = {"steps": steps, "bias": 1 / 64, "mean": steps % 2, **PRESETS["resnet20"], "k_i": 0.75}
    known |= CONFIDENCE | TABLES
    return {a.name: known[a.name] for a in op.attributes}


def arguments(
    op: OpDef, shapes: str, steps: int, *, full: bool, first: int = 0, special: bool = True
) -> tuple[list[Array], dict[str, Any]]:
    """Inputs with many ties (potentials move by quarters), and some special values of floats."""
    shape, scale_shape = SHAPES[shapes]
    rng = np.random.default_rng([steps, len(shapes), full])
    scale = np.ones(1) if scale_shape == "ones" else 2.0 ** rng.integers(-2, 3, scale_shape)
    stacked = (steps, *shape)
    kind = rng.random(stacked)
    x = np.where(kind < 0.5, rng.integers(-6, 8, stacked) / 4, rng.normal(0.3, 0.8, stacked)) * scale
    if special:
        unusual = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-41, 3e38, -3e38], stacked)
        x = np.where(kind > 0.995, unusual, x)
    known = {
        "X": np.float32(x).reshape(steps * shape[0], *shape[1:]),
        "scale": np.asarray(scale, np.float32),
        "step": np.array([first], np.int64),
    }
    state_shape = shape if full else (1,)
    for name in op.states:
        known[name] = np.float32(rng.integers(-4, 5, state_shape) / 4)
    return [known[p.name] for p in op.inputs], attributes_of(op, steps)


@every_variant
@every_dtype
@every_op
@every_shape
def test_kernel_equals_reference(op: OpDef, dtype: str, shapes: str, library: Library, run: Any) -> None:
    for steps, full, first in ((1, True, 0), (1, False, 1), (3, True, 7), (16, False, 0)):
        inputs, attributes = arguments(op, shapes, steps, full=full, first=first)
        inputs = run.cast(op, inputs, dtype)
        expected = run.reference(op, inputs, attributes)
        run.assert_same(run.native(op, inputs, attributes), expected)
        # Without a count, and without states, the kernels take other paths.
        only_y = [True] + [False] * (len(expected) - 1)
        run.assert_same(run.native(op, inputs, attributes, only_y)[:1], expected[:1])


@every_dtype
@every_op
@every_shape
def test_body_equals_reference(op: OpDef, dtype: str, shapes: str, run: Any) -> None:
    for steps, full, first in ((1, False, 0), (5, True, 7)):
        inputs, attributes = arguments(op, shapes, steps, full=full, first=first)
        inputs = run.cast(op, inputs, dtype)
        expected = run.reference(op, inputs, attributes)
        run.assert_same(run.body(op, inputs, attributes), expected, signs=False)


@every_variant
@every_dtype
@every_op
@every_shape
def test_kernel_in_onnxruntime(op: OpDef, dtype: str, shapes: str, library: Library, run: Any) -> None:
    inputs, attributes = arguments(op, shapes, 4, full=len(shapes) % 2 == 0, first=2)
    inputs = run.cast(op, inputs, dtype)
    run.assert_same(run.session(op, inputs, attributes), run.reference(op, inputs, attributes))


@every_variant
@every_op
@pytest.mark.parametrize("first", COUNTERS)
def test_counters_wrap(op: OpDef, first: int, library: Library, run: Any) -> None:
    inputs, attributes = arguments(op, "rank-2", 3, full=True, first=first, special=False)
    expected = run.reference(op, inputs, attributes)
    run.assert_same(run.native(op, inputs, attributes), expected)
    run.assert_same(run.session(op, inputs, attributes), expected)
    run.assert_same(run.body(op, inputs, attributes), expected, signs=False)


@every_variant
@every_op
def test_sizes_that_leave_tails(op: OpDef, library: Library, run: Any) -> None:
    rng = np.random.default_rng(3)
    for size in (*range(1, 70), 127, 1023, 1024, 1025, 2100):
        inputs, attributes = arguments(op, "one-element", 2, full=False)
        inputs[0] = np.float32(rng.integers(-4, 8, 2 * size) / 4)
        run.assert_same(run.native(op, inputs, attributes), run.reference(op, inputs, attributes))


@every_variant
@every_dtype
@every_op
def test_pieces_of_a_call_are_the_call(op: OpDef, dtype: str, library: Library, run: Any) -> None:
    inputs, attributes = arguments(op, "per-channel", 12, full=False, first=3, special=False)
    inputs = run.cast(op, inputs, dtype)
    whole = run.native(op, inputs, attributes)
    steps = inputs[0].reshape(12, -1, *inputs[0].shape[1:])
    given = dict(zip([p.name for p in op.inputs], inputs, strict=True))
    pieces = []
    for begin, end in ((0, 1), (1, 2), (2, 7), (7, 12)):
        x = steps[begin:end].reshape(-1, *inputs[0].shape[1:])
        now = given | {"X": x, "step": np.array([3 + begin], np.int64)}
        done = run.native(op, [now[p.name] for p in op.inputs], attributes | {"steps": end - begin})
        results = dict(zip([p.name for p in op.outputs], done, strict=True))
        given |= {before: results[after] for before, after in op.states.items()}
        pieces.append(results)
    for output, together in zip(op.outputs, whole, strict=True):
        last = output.rows is not None
        parts = [piece[output.name] for piece in pieces]
        run.assert_same([parts[-1] if last else np.concatenate(parts)], [together])


@every_variant
@pytest.mark.parametrize("op", [op for op in OPS if op.name not in ("Readout", "LastStep")], ids=lambda op: op.name)
def test_output_may_overwrite_input(op: OpDef, library: Library, run: Any) -> None:
    inputs, attributes = arguments(op, "per-channel-long", 5, full=True)
    expected = run.reference(op, inputs, attributes)
    outputs = [inputs[0]] + [np.empty(shape, kind) for shape, kind in run.results(op, inputs, attributes)[1:]]
    run.native_into(op, inputs, attributes, outputs)
    run.assert_same(outputs, expected)


@every_variant
@pytest.mark.parametrize("name", ["IFNeuron", "SignedIFNeuron", "RoundingIFNeuron"])
def test_ties_fire(name: str, library: Library, run: Any) -> None:
    op = ops.get(name)
    below = np.nextafter(np.float32(1), np.float32(0))
    x = np.float32([[1], [below], [np.nextafter(np.float32(1), np.float32(2))], [np.nan], [-1], [-below]])
    inputs = [x.T, np.ones(1, np.float32), np.zeros(1, np.float32), np.ones(1, np.float32)][: len(op.inputs)]
    y = run.native(op, inputs, {"steps": 1, "bias": 0.0})[0]
    at, above = {"IFNeuron": (0, 0), "SignedIFNeuron": (-1, 0), "RoundingIFNeuron": (-1, -1)}[name]
    np.testing.assert_array_equal(y, [[1, 0, 1, 0, at, above]])


@every_variant
def test_a_neuron_takes_back_no_more_than_it_sent(library: Library, run: Any) -> None:
    op = ops.get("SignedIFNeuron")
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    x = np.float32([[2], [-3], [-1], [-1]])
    y, v, sent, count = run.native(op, [x, one, zero, zero], {"steps": 4, "bias": 0.0})
    np.testing.assert_array_equal(y, [[1], [-1], [0], [0]])
    np.testing.assert_array_equal(count, [[1], [1], [0], [0]])
    assert (v.item(), sent.item()) == (-3, 0)


@every_variant
def test_the_spikes_of_a_rounding_neuron_sum_to_its_rounded_potential(library: Library, run: Any) -> None:
    op = ops.get("RoundingIFNeuron")
    one, half, zero = np.ones(1, np.float32), np.full(1, 0.5, np.float32), np.zeros(1, np.float32)
    x = np.float32([[0.6], [1.0], [-0.5], [-0.75], [0.125], [-2.0]])  # sums: .6, 1.6, 1.1, .35, .475, -1.525
    y, _, sent, count = run.native(op, [x, one, half, zero], {"steps": 6, "bias": 0.0})
    np.testing.assert_array_equal(y.cumsum(), [1, 2, 1, 0, 0, 0])
    np.testing.assert_array_equal(count.ravel(), [1, 1, 1, 1, 0, 0])
    assert sent.item() == 0


@every_op
def test_steps_that_do_not_divide_the_rows(op: OpDef, run: Any) -> None:
    inputs, attributes = arguments(op, "rank-2", 3, full=False)
    inputs[0] = inputs[0][:-1]
    with pytest.raises(ValueError, match="X has 14 rows, which does not divide into 3 steps; stack"):
        run.native(op, inputs, attributes)
    with pytest.raises(Exception, match=f"{op.name} 'the_node': X has 14 rows"):
        run.session(op, inputs, attributes)


@every_op
def test_a_state_of_another_shape(op: OpDef, run: Any) -> None:
    inputs, attributes = arguments(op, "rank-2", 3, full=True)
    place = [p.name for p in op.inputs].index(next(iter(op.states)))
    inputs[place] = inputs[place].T
    with pytest.raises(ValueError, match="a state has neither one element nor the shape of one time step"):
        run.native(op, inputs, attributes)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("IFNeuron", {"steps": 0}, "'steps' is 0; it must be from 1"),
        ("ConfidentMSATNeuron", {"survival": 2**32 + 1}, "'survival' is 4294967297; it must be from 0 to 4294967296"),
        ("ConfidentMSATNeuron", {"key": -1}, "'key' is -1; it must be from 0 to 4294967295"),
        ("DifferentialNeuron", {"tables": 4}, "'levels' has 6 entries for 4 tables; give 1 to 32 for each table"),
        ("DifferentialNeuron", {"thresholds": LEVELS[:3]}, "'thresholds' has 3 entries, 'levels' has 6"),
        ("DifferentialNeuron", {"thresholds": LEVELS[::-1]}, "'thresholds' has 0.250000 at entry 1"),
        ("RunningTotal", {"mean": 2}, "'mean' is 2; it must be from 0 to 1"),
    ],
)
def test_bad_attributes(name: str, wrong: dict[str, Any], message: str, run: Any) -> None:
    op = ops.get(name)
    inputs, attributes = arguments(op, "rank-2", 1, full=False)
    with pytest.raises(ValueError, match=message):
        run.native_into(op, inputs, attributes | wrong, [None] * len(op.outputs))

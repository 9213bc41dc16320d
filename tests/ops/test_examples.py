# SPDX-License-Identifier: Apache-2.0
"""Every op on its example: reference, body in two runtimes and kernels agree to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from snncc import ops
from snncc.ops.registry import OpDef
from snncc.runtime.native import Library, Neuron

every_op = pytest.mark.parametrize("op", ops.all_ops(), ids=lambda op: op.name)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])


@every_dtype
@every_op
def test_bodies_and_kernel(op: OpDef, dtype: str, run: Any) -> None:
    inputs, attributes = op.examples(np.random.default_rng(7))
    inputs = run.cast(op, inputs, dtype)
    expected = run.reference(op, inputs, attributes)
    onnx.checker.check_model(run.model(op, inputs, attributes), full_check=True)
    run.assert_same(run.evaluator(op, inputs, attributes), expected)
    run.assert_same(run.body(op, inputs, attributes), expected, signs=False)
    run.assert_same(run.session(op, inputs, attributes), expected)


@every_dtype
@every_op
@pytest.mark.parametrize("library", ["plain", "avx2", "avx512"], indirect=True)
def test_every_variant(op: OpDef, dtype: str, library: Library, run: Any) -> None:
    inputs, attributes = op.examples(np.random.default_rng(8))
    inputs = run.cast(op, inputs, dtype)
    run.assert_same(run.native(op, inputs, attributes), run.reference(op, inputs, attributes))


@pytest.mark.parametrize("op", [op for op in ops.all_ops() if op.attributes], ids=lambda op: op.name)
def test_a_missing_attribute_is_named(op: OpDef) -> None:
    inputs, _ = op.examples(np.random.default_rng(7))
    with pytest.raises(ValueError, match=f"'({'|'.join(a.name for a in op.attributes)})' is missing"):
        Neuron(op.name, inputs, {}, [None] * len(op.outputs))


@pytest.mark.parametrize("op", ops.all_ops(), ids=lambda op: op.name)
def test_neurons_and_no_others_count_their_spikes(op: OpDef) -> None:
    assert op.neuron == any(p.name == "count" for p in op.outputs)

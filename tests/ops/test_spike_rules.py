# SPDX-License-Identifier: Apache-2.0
"""Spikes that ops declare step by step, against their own references; ops that declare nothing."""

from __future__ import annotations

import numpy as np
import pytest

from snncc import ops
from snncc.execution.spike_trains.emission import emission_of

DECLARED = [op for op in ops.all_ops() if op.spike_steps is not None]


@pytest.mark.parametrize("op", DECLARED, ids=lambda op: op.name)
def test_spikes_over_the_steps_add_up_to_the_value(op):
    inputs, attributes = op.examples(np.random.default_rng(3))
    given = dict(zip((p.name for p in op.inputs), inputs, strict=True))
    rule, arrived = op.spike_steps, op.arriving(given)
    slices = arrived.reshape(rule.slices(attributes), -1, *arrived.shape[1:])
    fires = np.array(list(rule.fires(slices, given["scale"], attributes)))
    sent, count = (found.reshape(-1, *fires.shape[1:])[-1] for found in op.reference(inputs, attributes))
    values = rule.values(attributes).astype(np.float64).reshape(-1, *[1] * (fires.ndim - 1))
    np.testing.assert_allclose((fires * values).sum(axis=0) * given["scale"], sent, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(np.abs(fires).sum(axis=0), count)
    assert count.max() <= rule.most(attributes)
    assert bool(rule.signs(attributes)) == (fires < 0).any()


@pytest.mark.parametrize("op", [op for op in ops.all_ops() if op.neuron], ids=lambda op: op.name)
def test_ops_that_declare_nothing_have_no_recording(op):
    assert (emission_of(op.name) is None) == (op.spike_steps is None and op.stacks != "steps")
    assert (op.spike_steps is None) or op.stacks != "steps"


def test_variants_exist():
    for op in ops.all_ops():
        for name in filter(None, (op.variant_of, op.with_residual, op.with_confidence, op.single_step)):
            assert ops.get(name) is not op

# SPDX-License-Identifier: Apache-2.0
"""Tests of read-out."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.errors import OptionError
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.time.insert_readout import InsertReadout
from tests.passes.time.time_networks import MLP, RATE, SIZES, lowered


def test_the_readout_stands_in_front_of_a_softmax(build, ops) -> None:
    graph = lowered(build, body=MLP.replace("y = MatMul (s, V)", "z = MatMul (s, V) y = Softmax (z)"))
    assert InsertReadout(RATE).run(graph) == 1
    assert ops(graph.to_proto())[-3:] == ["MatMul", "Readout", "Softmax"]
    assert [o.name for o in graph.outputs] == ["y"]


def test_of_slices_the_last_one_is_read(build) -> None:
    coding = snncc.Phase(T=8, wait=6)
    graph = lowered(build, coding)
    EncodeInput(coding, {"x": 1.0}).run(graph)
    assert InsertReadout(coding).run(graph) == 1
    split = graph.producer(graph.outputs[0])
    assert (split.op, split.inputs[1].inputs[0].op, len(split.outputs)) == ("Split", "Concat", 2)  # sizes are computed
    assert graph.outputs[0] is split.outputs[-1]


def test_anytime_stacks_the_steps_in_front(build) -> None:
    model = build(MLP, SIZES)
    x = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    every, last = (snncc.convert(model, snncc.Rate(T=6), calibration=x, anytime=flag) for flag in (True, False))
    from snncc.runtime import create_session

    found, final = (create_session(m, device="cpu").run(None, {"x": x})[0] for m in (every, last))
    assert found.shape == (6, 5, 3)
    np.testing.assert_array_equal(found[-1], final)


@pytest.mark.parametrize(("coding", "form"), [(snncc.Phase(), "auto"), (snncc.FS(), "auto"), (snncc.Rate(), "loop")])
def test_anytime_needs_outputs_at_every_step(build, coding, form) -> None:
    with pytest.raises(OptionError, match="anytime needs"):
        snncc.convert(build(MLP, SIZES), coding, anytime=True, form=form, input_range=(0, 1))

# SPDX-License-Identifier: Apache-2.0
"""Tests of pools-behind-relus."""

from __future__ import annotations

from snncc.passes.legalise.relu_before_max_pool import ReluBeforeMaxPool

IMAGE = "net (float[N,3,6,6] x) => (float[N,3,3,3] y)"


def test_pools_move_behind_relus(build, apply, ops) -> None:
    pools = "a = MaxPool <kernel_shape = [2, 2], strides = [1, 1], pads = [0, 0, 1, 1]> (x)"
    body = f"{{ {pools} b = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a) y = Relu (b) }}"
    count, after = apply(ReluBeforeMaxPool(), build(f"{IMAGE} {body}", {}))
    assert count == 2
    assert ops(after) == ["Relu", "MaxPool", "MaxPool"]


def test_a_pool_that_others_read_stays(build, apply, skips) -> None:
    body = "{ a = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x) b = Relu (a) y = Add (a, b) }"
    assert apply(ReluBeforeMaxPool(), build(f"{IMAGE} {body}", {}))[0] == 0
    assert "has other users" in skips()

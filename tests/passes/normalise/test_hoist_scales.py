# SPDX-License-Identifier: Apache-2.0
"""Tests of lift-scales."""

from __future__ import annotations

import pytest

from snncc.passes.normalise.hoist_scales import HoistScales
from tests.passes.normalise.scale_networks import LIFT_WEIGHTS, with_sign

IMAGE = "net (float[N,3,6,6] x) => (float[N,{o}] y)"


LIFTS = [
    "h = Conv (x, w, c) s = Mul (h, k4) y = Flatten (s)",
    "h = Conv <group=3> (x, wg) s = Mul (h, k6) y = Flatten (s)",
    "h = ConvTranspose <group=3> (x, wt) s = Mul (h, k6) y = Flatten (s)",
    "f = Flatten (x) h = Gemm <transB=1, alpha=2.0> (f, wide) y = Mul (h, row)",
    "f = Flatten (x) h = MatMul (f, tall) y = Mul (h, row)",
    "h = Conv (x, w) p = MaxPool <kernel_shape=[2,2]> (h) s = Mul (p, k4) y = Flatten (s)",
    "h = Conv (x, w) b = BatchNormalization (h, g, beta, mean, var) s = Mul (b, k4) y = Flatten (s)",
    "h = Conv (x, w) i = Conv (x, w2) a = Add (h, i) s = Mul (a, k4) y = Flatten (s)",
    "h = Conv (x, w) a = Sub (h, c3) s = Mul (a, k4) y = Flatten (s)",
]


@pytest.mark.parametrize("body", LIFTS)
def test_factors_lift_into_the_weights_in_front(build, apply, ops, body) -> None:
    model = build(f"{IMAGE.format(o='M')} {{ {body} }}", LIFT_WEIGHTS)
    count, after = apply(HoistScales(), with_sign(model, 1, "k4"))
    assert count >= 1
    assert "Mul" not in ops(after)


def test_a_negative_factor_does_not_lift_through_a_max_pool(build, apply) -> None:
    body = "h = Conv (x, w) p = MaxPool <kernel_shape=[2,2]> (h) s = Mul (p, k4) y = Flatten (s)"
    model = with_sign(build(f"{IMAGE.format(o='M')} {{ {body} }}", LIFT_WEIGHTS), -1, "k4")
    assert apply(HoistScales(), model)[0] == 0


def test_a_shared_current_is_not_scaled(build, apply, skips) -> None:
    body = "h = Conv (x, w) s = Mul (h, k4) z = Add (s, h) y = Flatten (z)"
    assert apply(HoistScales(), build(f"{IMAGE.format(o='M')} {{ {body} }}", LIFT_WEIGHTS))[0] == 0
    assert "has other users" in skips()


def test_a_producer_that_takes_no_factor_keeps_the_mul(build, apply, skips) -> None:
    body = "h = Tanh (x) s = Mul (h, k3) y = Flatten (s)"
    assert apply(HoistScales(), build(f"{IMAGE.format(o='M')} {{ {body} }}", {"k3": (3, 1, 1)}))[0] == 0
    assert "' takes no such factor" in skips()

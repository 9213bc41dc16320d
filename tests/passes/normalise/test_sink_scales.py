# SPDX-License-Identifier: Apache-2.0
"""Tests of sink-scales."""

from __future__ import annotations

import pytest

from snncc.passes.normalise.sink_scales import SinkScales
from tests.passes.normalise.scale_networks import with_sign

IMAGE = "net (float[N,3,6,6] x) => (float[N,{o}] y)"


# Bodies with a Mul by k, one factor per channel, that goes down into the last synapse.
SINKS = [
    "s = Mul (x, k) h = Conv <pads=[1,1,1,1]> (s, w) y = Flatten (h)",
    "s = Mul (k, x) h = Conv (s, w, c) y = Flatten (h)",
    "s = Mul (x, k) p = MaxPool <kernel_shape=[2,2]> (s) h = Conv (p, w) y = Flatten (h)",
    "s = Mul (x, k) p = AveragePool <kernel_shape=[2,2], pads=[1,1,0,0]> (s) h = Conv (p, w) y = Flatten (h)",
    "s = Mul (x, k) p = GlobalAveragePool (s) f = Flatten (p) y = Gemm (f, small, c)",
    "s = Mul (x, k) f = Flatten (s) y = Gemm <transB=1> (f, wide)",
    "s = Mul (x, k) f = Reshape (s, shape) y = MatMul (f, tall)",
    "s = Mul (x, k) t = Transpose <perm=[0,2,3,1]> (s) f = Flatten (t) y = MatMul (f, tall)",
    "s = Mul (x, k) p = Pad (s, pads) q = Slice (p, start, end, axes, step) h = Conv (q, w8) y = Flatten (h)",
    "s = Mul (x, k) t = Mul (x, l) u = Concat <axis=1> (s, t) h = Conv (u, w6) y = Flatten (h)",
    "s = Mul (x, k) t = Mul (x, k) u = Add (s, t) h = Conv (u, w) y = Flatten (h)",
    "s = Mul (x, k) t = Mul (s, l) h = Conv (t, w) y = Flatten (h)",
    "s = Mul (x, k) b = BatchNormalization (s, g, beta, mean, var) h = Conv <pads=[1,1,1,1]> (b, w) y = Flatten (h)",
    "s = Mul (x, k) h = Conv (s, w) i = Conv (s, w) z = Add (h, i) y = Flatten (z)",
    "s = Mul (x, k) u = Unsqueeze (s, two) v = Squeeze (u, two) h = Conv (v, w) y = Flatten (h)",
    "s = Mul (x, k) h = ConvTranspose <group=3> (s, wt) y = Flatten (h)",
    "s = Mul (x, k) m = ReduceMean <keepdims=0> (s, axes) y = Gemm (m, small, c)",
]


CONSTANTS = """<int64[2] shape = {-1, 108}, int64[8] pads = {0, 2, 0, 0, 0, 3, 0, 0}, int64[2] start = {1, 0},
    int64[2] end = {6, 9}, int64[2] axes = {2, 3}, int64[2] step = {2, 1}, int64[1] two = {2}>"""


WEIGHTS = {
    "k": (3, 1, 1), "l": (1, 3, 1, 1), "w": (4, 3, 3, 3), "w8": (4, 8, 3, 3), "w6": (4, 6, 3, 3), "c": (4,),
    "small": (3, 4), "wide": (4, 108), "tall": (108, 4), "g": (3,), "beta": (3,), "mean": (3,), "var": (3,),
    "wt": (3, 2, 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("body", SINKS)
def test_factors_sink_into_the_weights_behind(build, apply, ops, body) -> None:
    text = f"{IMAGE.format(o='M')} {CONSTANTS} {{ {body} }}"
    count, after = apply(SinkScales(), with_sign(build(text, WEIGHTS), 1, "k", "l"))
    assert count >= 1
    assert "Mul" not in ops(after)


def test_a_negative_factor_does_not_pass_a_max_pool(build, apply, ops, skips) -> None:
    text = f"{IMAGE.format(o='M')} {{ s = Mul (x, k) p = MaxPool <kernel_shape=[2,2]> (s) y = Flatten (p) }}"
    count, after = apply(SinkScales(), with_sign(build(text, {"k": (3, 1, 1)}), -1, "k"))
    assert (count, ops(after)[0]) == (0, "Mul")
    assert "no user takes" in skips()


def test_a_sum_of_unequal_factors_keeps_both(build, apply, ops, skips) -> None:
    body = "s = Mul (x, k) t = Mul (x, m) u = Add (s, t) h = Conv (u, w) y = Flatten (h)"
    model = build(f"{IMAGE.format(o='M')} {{ {body} }}", {"k": (3, 1, 1), "m": (3, 1, 1), "w": (4, 3, 3, 3)})
    count, after = apply(SinkScales(), model)
    assert (count, ops(after)) == (0, ["Mul", "Mul", "Add", "Conv", "Flatten"])
    assert "no user takes" in skips()


def test_a_factor_does_not_reach_what_a_pad_fills_in(build, apply, ops) -> None:
    body = "s = Mul (x, k) p = Pad (s, pads, one) h = Conv (p, w8) y = Flatten (h)"
    text = f"{IMAGE.format(o='M')} {CONSTANTS[:-1]}, float one = {{1.0}}> {{ {body} }}"
    count, after = apply(SinkScales(), build(text, {"k": (3, 1, 1), "w8": (4, 8, 3, 3)}))
    assert (count, ops(after)[0]) == (0, "Mul")


def test_a_factor_passes_no_pad_that_repeats_values(build, apply, ops) -> None:
    body = 's = Mul (x, k) p = Pad <mode="edge"> (s, pads) h = Conv (p, w8) y = Flatten (h)'
    text = f"{IMAGE.format(o='M')} {CONSTANTS} {{ {body} }}"
    count, after = apply(SinkScales(), build(text, {"k": (3, 1, 1), "w8": (4, 8, 3, 3)}))
    assert (count, ops(after)[0]) == (0, "Mul")


def test_a_factor_that_varies_in_space_stays(build, apply, ops) -> None:
    text = f"{IMAGE.format(o='M')} {{ s = Mul (x, k) h = Conv (s, w) y = Flatten (h) }}"
    count, after = apply(SinkScales(), build(text, {"k": (1, 6, 6), "w": (4, 3, 3, 3)}))
    assert (count, ops(after)[0]) == (0, "Mul")


def test_the_mul_stays_for_users_that_cannot_take_it(build, apply, ops) -> None:
    body = "s = Mul (x, k) h = Conv (s, w) f = Relu (s) g1 = Flatten (f) g2 = Flatten (h) y = Concat <axis=1> (g1, g2)"
    text = f"{IMAGE.format(o='M')} {{ {body} }}"
    count, after = apply(SinkScales(), build(text, {"k": (3, 1, 1), "w": (4, 3, 3, 3)}))
    assert count == 1
    assert ops(after).count("Mul") == 1

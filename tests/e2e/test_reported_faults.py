# SPDX-License-Identifier: Apache-2.0
"""Small networks from public bug reports, each once converted wrongly or refused, in every coding and both runtimes.

`tests/generated` draws many of each kind; these are the ones that were reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import snncc
from snncc.errors import ModelError
from tests.generated.harness import CODINGS, Case, check, model_of

_HALF = "float[1] half = {0.5}"


@dataclass(frozen=True)
class Reported:
    """A network in the textual form of ONNX; `sizes` are those of x, the batch first."""

    body: str
    sizes: tuple[int, ...] = (32, 4)
    given: str = "float[N, 4] x"
    outputs: str = "float[N, 4] y"
    constants: str = ""
    opset: int = 17
    curves_only: bool = False  # no neurons but in few-spikes coding


def _anchors(feature: str, stride: int) -> str:
    """The strides of a detector's map [N, 2, H, W], one for each place: [H W, 1]; and the map as [N, 2, H W]."""
    f = feature
    return (
        f"s{f} = Shape ({f}) h{f} = Gather (s{f}, two) w{f} = Gather (s{f}, three) n{f} = Mul (h{f}, w{f}) "
        f"m{f} = Unsqueeze (n{f}, first) d{f} = Concat <axis = 0> (m{f}, single) z{f} = ConstantOfShape (d{f}) "
        f"e{f} = Constant <value_float = {stride}.0> () a{f} = Add (z{f}, e{f}) f{f} = Reshape ({f}, flat) "
    )


REPORTED = {
    "a ceiling in front of a ReLU": Reported("c = Clip <max: float = 1.0> (x) y = Relu (c)", opset=9),
    "a ceiling, a bias, a ReLU": Reported(
        "c = Clip <max: float = 1.0> (x) z = Add (c, half) y = Relu (z)", constants=_HALF, opset=9
    ),
    "bounds of float16": Reported(
        "c = Clip (x, low, high) z = Add (c, half) y = Relu (z)",
        constants=f"{_HALF}, float low = {{-65504}}, float high = {{65504}}",
    ),
    "bounds of observations": Reported(
        "c = Clip (x, low, high) z = Add (c, half) y = Relu (z)",
        constants=f"{_HALF}, float low = {{-10}}, float high = {{10}}",
    ),
    "a floor of -3.4e38": Reported(
        "u = Relu (x) v = Max (u, low) y = Add (v, half)", constants=f"{_HALF}, float low = {{-3.4e38}}"
    ),
    "a sigmoid far outside its table": Reported(
        "z = Mul (x, c) s = Sigmoid (z) r = Relu (x) y = Add (s, r)", constants="float[1] c = {15}"
    ),
    "a sigmoid at both ends": Reported(
        "z = Mul (x, c) s = Sigmoid (z) y = Add (s, h)",
        constants="float[1] c = {30}, float[1] h = {-0.1}",
        curves_only=True,
    ),
    "an empty input of Resize behind Mul": Reported(
        'a = Relu (x) b = Mul (a, k) y = Resize <mode = "nearest"> (b, , s)',
        (8, 1, 4, 4),
        "float[N, 1, 4, 4] x",
        "float[N, 1, 8, 8] y",
        "float[1] k = {2}, float[4] s = {1, 1, 2, 2}",
    ),
    "an empty input of Resize behind Conv": Reported(
        'a = Relu (x) b = Conv (a, k) y = Resize <mode = "nearest"> (b, , s)',
        (8, 1, 4, 4),
        "float[N, 1, 4, 4] x",
        "float[N, 1, 8, 8] y",
        "float[1, 1, 1, 1] k = {2}, float[4] s = {1, 1, 2, 2}",
    ),
    "rows folded into the batch": Reported(
        "a = Reshape (x, rows) b = Relu (a) y = Reshape (b, back)",
        (16, 3, 4),
        "float[N, 3, 4] x",
        "float[N, 3, 4] y",
        "int64[2] rows = {-1, 4}, int64[3] back = {-1, 3, 4}",
    ),
    "a constant for each sample": Reported(
        "n = Shape <end: int = 1> (x) s = Concat <axis = 0> (n, four) z = ConstantOfShape (s) "
        "k = Add (z, c) y = Relu (x)",
        outputs="float[N, 4] y, float[N, 4] k",
        constants="int64[1] four = {4}, float[4] c = {1, 2, 3, 4}",
    ),
    "a branch decided by a rank": Reported(
        "u = Relu (x) s = Shape (u) r = Size (s) q = Equal (r, two) "
        "v = If (q) <then_branch = t () => (float[N, 4] p) { p = Identity (u) }, "
        "else_branch = e () => (float[N, 4] n) { n = Neg (u) }> y = Relu (v)",
        constants="int64 two = {2}",
    ),
    "a constant as large as the input": Reported(
        "u = Relu (x) s = Shape (x) p = Expand (c, s) y = Add (u, p)",
        (16, 5, 4),
        "float[N, L, 4] x",
        "float[N, L, 4] y",
        "float[1, 1, 4] c = {1, 2, 3, 4}",
    ),
    "an output of rank 1": Reported(
        "u = Relu (x) y = Reshape (u, all)", (1, 20), "float[1, L] x", "float[L] y", "int64[1] all = {-1}"
    ),
    "group normalisation": Reported(
        "g = GroupNormalization <num_groups: int = 2> (x, w, b) y = Relu (g)",
        (8, 4, 3, 3),
        "float[N, 4, 3, 3] x",
        "float[N, 4, 3, 3] y",
        "float[4] w = {1, 1, 1, 1}, float[4] b = {0, 0, 0, 0}",
        opset=21,
    ),
    "strides of maps of any size": Reported(
        "u = Relu (x) v = MaxPool <kernel_shape: ints = [2, 2], strides: ints = [2, 2]> (u) "
        + _anchors("u", 8)
        + _anchors("v", 16)
        + "a = Concat <axis = 0> (au, av) t = Transpose <perm = [1, 0]> (a) "
        "f = Concat <axis = 2> (fu, fv) y = Mul (f, t)",
        (4, 2, 6, 8),
        "float[N, 2, H, W] x",
        "float[N, 2, A] y",
        "int64 two = {2}, int64 three = {3}, int64[1] first = {0}, int64[1] single = {1}, int64[3] flat = {0, 2, -1}",
    ),
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("name", REPORTED)
def test_reported_fault(name: str, coding: str) -> None:
    case = REPORTED[name]
    model = model_of(case.body, case.given, case.outputs, case.opset, case.constants)
    x = np.random.default_rng(0).standard_normal(case.sizes).astype(np.float32)
    if case.curves_only and coding != "fs":
        with pytest.raises(ModelError, match="holds no ReLU"):
            snncc.convert(model, CODINGS[coding][0], calibration=x)
    else:
        check(Case(model, {"x": x}, name), coding)

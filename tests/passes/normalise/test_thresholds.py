# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization in weights or in thresholds: the same ReLU network, of whole conversions."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.coding.scales import Scales
from snncc.frontend.import_model import import_model
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import legalisation, normalisation
from tests.passes.normalise.threshold_networks import CODINGS, put, values

RESIDUAL = """net (float[N,3,6,6] x) => (float[N,5] y) {
    zero = Constant <value=float {0}> () six = Constant <value=float {6}> ()
    c1 = Conv <pads=[1,1,1,1]> (x, w1) n1 = BatchNormalization (c1, g, b, m, var) r1 = Relu (n1)
    c2 = Conv <pads=[1,1,1,1]> (r1, w2) n2 = BatchNormalization (c2, g2, b2, m2, var2) r2 = Relu (n2)
    c3 = Conv <pads=[1,1,1,1]> (r2, w3) n3 = BatchNormalization (c3, g3, b3, m3, var3) s = Add (n3, r1) r3 = Relu (s)
    c4 = Conv (r3, w4) n4 = BatchNormalization (c4, g4, b4, m4, var4) r4 = Clip (n4, zero, six)
    p = GlobalAveragePool (r4) f = Flatten (p) y = Gemm (f, w5) }"""


SIZES = {"w1": (4, 3, 3, 3), **{f"w{i}": (4, 4, 3, 3) for i in (2, 3, 4)}, "w5": (4, 5)}


NORMS = {f"{name}{i}": (4,) for name in ("g", "b", "m", "var") for i in ("", 2, 3, 4)}


@pytest.fixture
def residual(build) -> onnx.ModelProto:
    """Residual block, ReLU6, factors of either sign and a zero."""
    model = build(RESIDUAL, {**SIZES, **NORMS})
    put(model, "g2", np.array([0.5, -0.7, 0.0, 1.3]))
    return model


def signs_of(model: onnx.ModelProto, weight: str) -> np.ndarray:
    return np.sign(values(model)["g" + weight[1:].replace("1", "")]).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("fold_bn", ["weights", "threshold"])
def test_both_ways_are_the_same_relu_network(residual, assert_equivalent, fold_bn) -> None:
    graph = import_model(residual)
    PassManager(legalisation(snncc.Phase())).run(graph)
    kept = "none" if fold_bn == "threshold" else "channel"
    scales = Scales({}, {}, normalize=kept)
    PassManager(normalisation(scales, fold_bn)).run(graph)
    after = graph.to_proto()
    assert "BatchNormalization" not in [n.op_type for n in after.graph.node]
    assert_equivalent(residual, after)
    found = list(values(after).values())
    for name in ("w1", "w2", "w4"):
        old = values(residual)[name] * signs_of(residual, name)
        assert any(np.array_equal(old, v) for v in found) == (fold_bn == "threshold"), name
    assert not any(np.array_equal(values(residual)["w3"], v) for v in found)  # a sum follows, no neuron


@pytest.mark.parametrize(
    ("name", "weights"),
    [("phase", "float"), ("phase", "int8"), ("early", "float"), ("fs", "int8"), ("rate", "int8"), ("msat", "float")],
)
def test_converted_weights_are_those_of_the_source(residual, name, weights) -> None:
    """Gains that calibration finds go into thresholds, too."""
    images = np.random.default_rng(3).normal(0, 1, (24, 3, 6, 6)).astype(np.float32)
    converted = {
        fold: snncc.convert(residual, CODINGS[name], calibration=images, fold_bn=fold, weights=weights)
        for fold in ("weights", "threshold")
    }
    stored = list(values(converted["threshold"]).values())
    for weight in ("w1", "w2", "w4"):
        old = values(residual)[weight] * signs_of(residual, weight)
        if weights == "int8":
            largest = np.abs(old).max(axis=(1, 2, 3), keepdims=True)
            old = np.rint(old / np.where(largest > 0, largest / 127, 1).astype(np.float32)).astype(np.int8)
        assert any(v.shape == old.shape and np.array_equal(old, v) for v in stored), weight
    a, b = (np.asarray(cpu_session(m, ["y"]).run(["y"], {"x": images})[0]) for m in converted.values())
    assert np.abs(a - b).mean() < 0.1 * np.abs(a).mean()

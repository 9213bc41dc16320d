# SPDX-License-Identifier: Apache-2.0
"""The papers' ablations are options of the codings."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import snncc
from snncc.errors import OptionError
from snncc.ir.metadata import metadata_of
from snncc.models import digits_network
from snncc.models.digits import load_digits


def scales(model: onnx.ModelProto) -> list[np.ndarray]:
    held = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    return [held[n.input[1]] for n in model.graph.node if n.op_type == "IFNeuron"]


def converted(**options: object) -> onnx.ModelProto:
    fixed = {"calibration": load_digits().train_images[:64], "normalize": "none", "scale": "max", "match": False}
    return snncc.convert(digits_network(), snncc.Rate(T=4, signed=False), **fixed, **options)


def test_threshold_scale_is_a_factor_of_all_scales():
    plain, scaled = converted(), converted(threshold_scale=0.25)
    assert scales(plain)
    for whole, part in zip(scales(plain), scales(scaled), strict=True):
        np.testing.assert_allclose(part, whole / 4, rtol=1e-6)
    assert metadata_of(scaled)["snncc.calibration"]["threshold_scale"] == 0.25
    assert "threshold_scale" not in metadata_of(plain)["snncc.calibration"]


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), "half"])
def test_threshold_scale_must_be_positive(factor):
    with pytest.raises(OptionError, match="must be a positive number"):
        converted(threshold_scale=factor)


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("off", "part"), [("tau_rd", "DTT"), ("tau_mp", "DET")])
def test_one_part_of_the_threshold_alone(off, part):
    """A current of 0.9 charges for a step, in which the threshold is 1; in the next it is that of msat.txt, eq. 11."""
    coding = snncc.MSAT(T=2, preset="vgg16", **{off: 0.0})
    dtt = coding.V_T + coding.k_a * np.log(2)  # the potential is its own mean
    det = np.exp(-0.9 / coding.C)
    threshold = sigmoid(dtt if part == "DTT" else det)
    assert coding.response(np.array([0.9]))[0] == pytest.approx(threshold / 2, rel=1e-6)

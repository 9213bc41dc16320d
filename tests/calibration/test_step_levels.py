# SPDX-License-Identifier: Apache-2.0
"""Levels for single time steps: fitted to remainders, with one for overload, and recorded with the neurons."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.calibration.step_levels import _Remainders
from snncc.coding.from_metadata import replaced_relus
from snncc.errors import OptionError
from snncc.ir.metadata import metadata_of
from snncc.ir.nodes import attributes_of
from snncc.models import digits_network
from snncc.models.digits import load_digits

DATA = load_digits().train_images[:64]


def converted(**options):
    return snncc.convert(digits_network(), snncc.Differential(T=3), calibration=DATA, **options)


def test_levels_of_later_steps_are_those_of_remainders():
    rng = np.random.default_rng(0)
    final = np.abs(rng.normal(0, 1, 20000))
    potential = np.stack([final + rng.normal(0, 0.1, final.size), final, final]).clip(0)
    coding = snncc.Differential(T=3, n=8)
    tables = np.reshape(_Remainders(potential, np.ones(final.size)).levels(coding), (3, 8))
    assert (np.diff(tables, axis=1) < 0).all()
    assert (tables[1:, 4] < 0.5 * tables[:-1, 4]).all()  # each step is finer
    assert (tables[1:, 0] >= 1.5 * tables[1:, 1] * (1 - 1e-6)).all()
    code = coding.of_layer(snncc.coding.scales.LayerSettings(levels=tuple(tables.ravel()))).code(final)
    assert np.mean((code - final) ** 2) < 1e-3 * np.mean(final**2)


def test_constant_values_have_levels_too():
    found = np.reshape(_Remainders(np.ones((3, 50)), np.ones(50)).levels(snncc.Differential(T=3, n=4)), (3, 4))
    assert (found > 0).all()
    assert (np.diff(found, axis=1) < 0).all()


def test_fitted_levels_are_the_default_with_data_and_recorded():
    model = converted()
    recorded = metadata_of(model)
    assert recorded["snncc.calibration"]["levels"] == "fitted"
    assert recorded["snncc.calibration"]["match_potentials"] is False
    neurons = [n for n in model.graph.node if n.name in replaced_relus(model)]
    assert len(neurons) == 4
    for node in neurons:
        np.testing.assert_allclose(attributes_of(node)["levels"], recorded["snncc.neurons"][node.name]["levels"], 1e-6)
    assert len({tuple(attributes_of(n)["levels"]) for n in neurons}) == 4
    assert converted(levels="fitted").SerializeToString() == model.SerializeToString()


def test_powers_are_one_table():
    model = converted(levels="powers")
    (attributes,) = {str(attributes_of(n)) for n in model.graph.node if n.op_type == "DifferentialNeuron"}
    assert str((2.0 ** -np.arange(16)).tolist())[:-1] in attributes


def test_other_levels_are_refused():
    with pytest.raises(OptionError, match="must be one of auto, powers, fitted"):
        converted(levels="batchnorm")
    with pytest.raises(OptionError, match="levels of its own"):
        snncc.convert(
            digits_network(), snncc.Differential(T=2, n=2, levels=(1.0, 0.5)), levels="fitted", calibration=DATA
        )


def test_given_levels_stay():
    """Calibration data fit no others."""
    coding = snncc.Differential(T=2, n=2, levels=(1.0, 0.5))
    model = snncc.convert(digits_network(), coding, calibration=DATA)
    neurons = [n for n in model.graph.node if n.op_type == "DifferentialNeuron"]
    assert neurons
    for node in neurons:
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        np.testing.assert_array_equal(np.reshape(given["levels"], (-1, 2)), [[1.0, 0.5]] * given["tables"])


def test_checker_accepts_it():
    onnx.checker.check_model(converted(), full_check=True)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from snncc.activations import ACTIVATIONS, activation
from snncc.errors import DataError, OptionError
from snncc.few_spikes import tables as few_spikes_tables
from snncc.few_spikes.fit import fit
from snncc.few_spikes.neuron import FSTable
from snncc.few_spikes.tables import Entry, dumped, parsed, replaced, shipped, table

# Root mean square errors on the usual ranges that tables of K = 16 steps keep below.
BARS = {
    "swish": 0.016,
    "sigmoid": 0.004,
    "tanh": 0.007,
    "gelu": 0.013,
    "gelu-tanh": 0.013,
    "hardswish": 0.024,
    "hardsigmoid": 0.001,
    "elu": 0.011,
    "softplus": 0.02,
    "leakyrelu": 0.006,
    "mish": 0.02,
}
NAMES = [f"{e.activation}-{e.table.steps}" for e in shipped()]


def test_every_activation_is_shipped_at_four_lengths():
    found = {(e.activation, e.table.steps) for e in shipped()}
    assert found >= {(name, K) for name in ACTIVATIONS for K in (8, 12, 16, 20)}


@pytest.mark.parametrize("entry", shipped(), ids=NAMES)
def test_shipped_errors_are_measured_and_the_ends_hold(entry):
    found, function = entry.table, activation(entry.activation).function
    tables = (np.array(values, np.float32) for values in (found.T, found.h, found.d))
    again = FSTable.measured(*tables, function, found.low, found.high)
    assert again.rmse == pytest.approx(found.rmse, rel=1e-3)
    assert again.max_error == pytest.approx(found.max_error, rel=1e-3)
    width = found.high - found.low
    far = np.array([found.low - 2 * width, found.low - 50 * width, found.high + 2 * width, found.high + 50 * width])
    np.testing.assert_allclose(found(far), function(np.clip(far, found.low, found.high)), atol=0.25)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_sixteen_steps_keep_the_error_low(name):
    assert table(name, 16).rmse <= BARS[name]
    assert table(name, 16).rmse < 0.5 * table(name, 8).rmse


def test_a_shipped_table_is_what_the_fit_gives():
    """Rounding differs between machines, and with it the path of the search, so only the error is compared."""
    entry = next(e for e in shipped() if e.activation == "hardsigmoid" and e.table.steps == 8)
    found = entry.table
    again = fit(activation(entry.activation).function, 8, found.low, found.high, seed=entry.seed)
    assert again.rmse == pytest.approx(found.rmse, rel=0.5)


def test_values_are_exact_in_float32_and_the_file_is_as_written():
    for entry in shipped():
        assert all(float(np.float32(v)) == v for v in (*entry.table.T, *entry.table.h, *entry.table.d))
    text = files("snncc").joinpath("data", "fs_tables.json").read_text(encoding="utf-8")
    assert dumped(shipped()) == text


def test_table_covers_what_is_wanted():
    usual = table("swish", 16)
    assert (usual.low, usual.high) == (-8, 8)
    assert table("swish", 16, -3, 5) is usual
    assert table("swish", 16, -30, 5) is usual  # swish is almost 0 below -8
    assert table("sigmoid", 16, -50, 50) is table("sigmoid", 16)


@pytest.mark.parametrize(
    ("limits", "like", "fitted"),
    [((-3.0, 50.0), (-4.0, 40.0), (-4.0, 64.0)), ((-0.1, 0.1), (-0.09, 0.12), (-0.125, 0.125))],
    ids=["beyond", "much narrower"],
)
def test_table_is_fitted_once_where_none_is_shipped(monkeypatch, limits, like, fitted):
    """On a range of powers of two, which other layers of about the same range share."""
    asked = []

    def fake(function, K, low, high):
        asked.append((K, low, high))
        return FSTable((), (), (), low, high, 0.0, 0.0)

    monkeypatch.setattr(few_spikes_tables, "fit", fake)
    few_spikes_tables._fitted.cache_clear()
    assert table("swish", 16, *limits) is table("swish", 16, *limits)
    assert table("swish", 16, *like) is table("swish", 16, *limits)
    few_spikes_tables._fitted.cache_clear()
    assert asked == [(16, *fitted)]


def test_unknown_activation():
    with pytest.raises(OptionError, match="no activation 'sine'"):
        table("sine", 16)


def test_a_new_entry_takes_the_place_of_its_key():
    old, other = shipped()[0], shipped()[1]
    new = Entry(old.activation, 7, old.table)
    assert replaced((old, other), new) == (other, new)


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[{"activation": "swish"}]'])
def test_other_files_are_refused(text):
    with pytest.raises(DataError, match=r"x\.json holds no tables"):
        parsed(text, "x.json")


def test_tables_of_different_lengths_are_refused():
    entry = shipped()[0].to_json()
    with pytest.raises(DataError, match="do not have K"):
        parsed(json.dumps([entry | {"T": entry["T"][1:]}]), "x.json")

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import json
from importlib.resources import files

import numpy as np
import pytest

from snncc.coding.fs_tables import tables as few_spikes_tables
from snncc.coding.fs_tables.activations import ACTIVATIONS, activation
from snncc.coding.fs_tables.fit import fit
from snncc.coding.fs_tables.neuron import FSTable
from snncc.coding.fs_tables.ranges import as_relu
from snncc.coding.fs_tables.tables import Entry, dumped, parsed, ready, replaced, shipped, table
from snncc.errors import DataError, OptionError

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
def test_shipped_tables_are_right_or_saturate_everywhere(everywhere, entry):
    everywhere(entry.activation, entry.table)


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
    text = files("snncc.coding.fs_tables").joinpath("fs_tables.json").read_text(encoding="utf-8")
    assert dumped(shipped()) == text


def test_table_covers_what_is_wanted():
    usual = table("swish", 16)
    assert (usual.low, usual.high) == (-8, 8)
    assert table("swish", 16, -3, 5) is usual
    assert table("swish", 16, -30, 5) is usual  # swish is almost 0 below -8
    assert table("sigmoid", 16, -50, 50) is table("sigmoid", 16)


@pytest.fixture
def asked(monkeypatch) -> list[tuple[float, ...]]:
    """What fits were asked for, (K, low, high, steps of the table to start from); nothing is fitted."""
    found = []

    def fake(function, K, low, high, start=None):
        found.append((K, low, high, 0 if start is None else start.steps))
        return FSTable((), (), (), low, high, 0.0, 0.0)

    monkeypatch.setattr(few_spikes_tables, "fit", fake)
    few_spikes_tables._fitted.cache_clear()
    yield found
    few_spikes_tables._fitted.cache_clear()


@pytest.mark.parametrize(
    ("limits", "like", "fitted"),
    [((-3.0, 100.0), (-4.0, 90.0), (-8.0, 128.0)), ((-0.1, 0.1), (-0.09, 0.12), (-0.125, 0.125))],
    ids=["beyond", "much narrower"],
)
def test_table_is_fitted_once_where_none_is_shipped(asked, limits, like, fitted):
    """On a range of powers of two, which other layers of about the same range share."""
    assert table("swish", 9, *limits) is table("swish", 9, *limits)
    assert table("swish", 9, *like) is table("swish", 9, *limits)
    assert asked == [(9, *fitted, 0)]


def test_a_fit_starts_from_the_longest_shipped_table_of_fewer_steps(asked):
    table("swish", 11)
    table("swish", 7)
    assert asked == [(11, -8, 8, 10), (7, -8, 8, 0)]


def test_thirty_ranges_share_few_tables(asked):
    rng = np.random.default_rng(0)
    for name in ("swish", "sigmoid", "hardswish"):
        for _ in range(30):
            low, high = np.sort(rng.normal(0, 8, 2))
            table(name, 9, low, high)
    assert len(asked) <= 24


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"leakyrelu"}))  # which conversions split into ReLUs
def test_usual_ranges_need_no_fit(asked, name):
    """Sixteen steps, the default: any range around 0 from a sixteenth to a thousand, and any positive one."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        reach = 2.0 ** rng.uniform(-3, 10)
        table(name, 16, -reach * rng.uniform(0.5, 1), reach * rng.uniform(0.5, 1))
        table(name, 16, *np.sort(reach * rng.uniform(0.1, 1, 2)))
    assert asked == []


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("reach", [1e-30, 1e-6, 2.0**-9])
def test_a_curve_is_a_line_where_its_range_is_narrow(asked, everywhere, name, reach):
    if name in ("hardswish", "leakyrelu", "elu"):
        low, high = 0.0, reach  # their slopes change at 0, or fast
    else:
        low, high = -reach, reach
    found = table(name, 16, low, high)
    assert asked == []
    everywhere(name, found)
    values = activation(name).function(np.linspace(low, high, 1000))
    assert found.rmse <= 1e-3 * np.ptp(values) + 2.0**-22 * np.abs(values).max()


@pytest.mark.parametrize("name", sorted({*ACTIVATIONS} - {"sigmoid", "tanh", "hardsigmoid", "leakyrelu"}))
@pytest.mark.parametrize("reach", [3e3, 1e6, 1e30])
def test_a_curve_is_a_relu_where_its_range_is_wide(asked, everywhere, name, reach):
    found = table(name, 16, -reach, reach)
    assert asked == []
    everywhere(name, found)
    assert found.rmse <= 1e-3 * found.high


@pytest.mark.parametrize("reach", [20.0, 1e4, 1e30])
def test_what_saturates_keeps_its_table_however_wide_the_range(asked, reach):
    for name in ("sigmoid", "tanh", "hardsigmoid"):
        assert table(name, 16, -reach, reach) is table(name, 16)
    assert asked == []


def test_a_table_without_a_fit(asked):
    assert ready("tanh", 16, -np.inf, np.inf) is table("tanh", 16)
    assert ready("tanh", 16, -0.3, 0.2).high == 0.5
    assert ready("tanh", 16, -0.01, 0.01).high == 2.0**-6
    assert ready("tanh", 7, -1, 1) is None
    narrow = ready("tanh", 16, -1, 1)
    assert ready("tanh", 24, -1, 1) == narrow.padded(24)
    assert asked == []


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"leakyrelu"}))
def test_more_steps_are_no_worse(everywhere, name):
    function = activation(name).function
    for reach in (0.6, 1.3, 3.0, 8.0):
        x = np.linspace(-reach, reach, 2001)
        errors = []
        for K in (8, 10, 12, 16, 20, 24, 40):
            found = ready(name, K, -reach, reach)
            assert (found.steps, found.saturates) == (K, True)
            everywhere(name, found)
            errors.append(np.sqrt(np.mean((found(x) - function(x)) ** 2)))
        assert all(after <= 1.01 * before + 1e-7 for before, after in itertools.pairwise(errors))


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


@pytest.mark.parametrize(("name", "taken"), [("swish", True), ("gelu", True), ("tanh", False), ("leakyrelu", False)])
def test_over_a_wide_range_only_what_comes_near_a_relu_is_coded_as_one(name, taken):
    """All of these are equal to a ReLU somewhere; at the ends of the range tanh and a leaky ReLU are not."""
    found = as_relu(activation(name).function, 12, -2048.0, 2048.0)
    assert (found is not None) is taken
    if taken:
        x = np.array([-300.0, 0.2, 100.0, 1500.0], np.float32)
        np.testing.assert_allclose(found(x), np.maximum(x, 0), atol=2048 * 2.0**-12)

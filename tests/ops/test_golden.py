# SPDX-License-Identifier: Apache-2.0
"""Golden vectors computed from the papers' formulas in float64, without ties: the spikes must be identical."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc import ops
from snncc.ops.msat import PRESETS
from snncc.ops.registry import Array, OpDef
from snncc.runtime.native import Library

ONE = np.ones(1, np.float32)
ZERO = np.zeros(1, np.float32)
STEP = np.zeros(1, np.int64)

every_variant = pytest.mark.parametrize("library", ["plain", "avx2", "avx512"], indirect=True)


def every_way(run: Any, op: OpDef, inputs: list[Array], attributes: dict[str, Any]) -> list[list[Array]]:
    return [way(op, inputs, attributes) for way in (run.reference, run.body, run.session, run.native)]


@every_variant
@pytest.mark.parametrize(("steps", "alpha"), [(1, 1), (6, 4), (10, 25)])
def test_few_spikes_relu(steps: int, alpha: int, golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / f"fs_relu_K{steps}_a{alpha}.npz")
    table = (alpha * 2.0 ** -np.arange(1.0, steps + 1)).tolist()
    attributes = {"thresholds": table, "resets": table, "values": table, "initial": 0.0}
    for y, count in every_way(run, ops.get("FSNeuron"), [data["x"], ONE], attributes):
        np.testing.assert_array_equal(y, data["y"])
        np.testing.assert_array_equal(count, data["spikes"])


@every_variant
@pytest.mark.parametrize("name", ["8_8", "12_12", "16_8_signed"])
def test_coarse_fine(name: str, golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / f"coarse_fine_{name}.npz")
    names = {"levels": "coarse", "fine_levels": "fine"}
    names |= {"thresholds": "coarse_thresholds", "fine_thresholds": "fine_thresholds"}
    steps = max(len(data[key]) for key in names.values())  # the shorter table repeats its last entry
    attributes: dict[str, Any] = {
        key: np.pad(data[given], (0, steps - len(data[given])), mode="edge").tolist() for key, given in names.items()
    }
    attributes["signed"] = int(name.endswith("signed"))
    for y, count in every_way(run, ops.get("CoarseFineNeuron"), [data["x"], ONE], attributes):
        np.testing.assert_array_equal(y, data["y"])
        np.testing.assert_array_equal(count, data["spikes"])


@every_variant
def test_few_spikes_general(golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / "fs_general_K12.npz")
    names = {"thresholds": "theta", "resets": "h", "values": "d"}
    attributes = {name: data[key].tolist() for name, key in names.items()} | {"initial": 0.0}
    for y, count in every_way(run, ops.get("FSNeuron"), [data["x"], ONE], attributes):
        np.testing.assert_array_equal(count, data["spikes"])
        np.testing.assert_allclose(y, data["y"], rtol=0, atol=1e-6)


@every_variant
@pytest.mark.parametrize("kind", ["plain", "init", "bias"])
def test_integrate_and_fire(kind: str, golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / f"if_T32_{kind}.npz")
    scale = np.float32([data["v_th"]])
    attributes = {"steps": 32, "bias": float(data["bias_shift"]) / 32}
    inputs = [data["current"], scale, np.float32([data["v_init"]])]
    for y, v, count in every_way(run, ops.get("IFNeuron"), inputs, attributes):
        np.testing.assert_array_equal(count, data["out"] > 0)
        np.testing.assert_array_equal(y, data["out"])
        np.testing.assert_allclose(v[0] * scale, data["v_end"], rtol=0, atol=1e-5)


@every_variant
@pytest.mark.parametrize("preset", PRESETS)
def test_msat(preset: str, golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / f"msat_T32_{preset}.npz")
    for name, value in PRESETS[preset].items():
        assert float(data[name]) == value
    inputs = [data["current"], np.float32([data["lam"]]), ZERO, ZERO, STEP]
    for y, _, _, count in every_way(run, ops.get("MSATNeuron"), inputs, {"steps": 32, **PRESETS[preset]}):
        np.testing.assert_array_equal(count, data["out"] > 0)
        np.testing.assert_allclose(y, data["out"], rtol=1e-5, atol=0)


@every_variant
@pytest.mark.parametrize("name", ["T16_Q1.3_w4", "T16_Q1.3_w10", "T16_Q1.3_w16", "T24_Q1.2_w16"])
def test_wait(name: str, golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / f"phase_wait_{name}.npz")
    phases, wait, base = int(data["T"]), int(data["wait"]), float(data["Q"])
    levels = base ** -np.arange(float(phases))
    thresholds = (1 + 1 / base) / 2 * levels
    attributes = {"levels": np.float32(levels).tolist(), "thresholds": np.float32(thresholds).tolist(), "wait": wait}
    x = np.float32(np.cumsum(data["current"].astype(np.float64), axis=0)[wait - 1 :])
    for y, count in every_way(run, ops.get("WaitOneSpikeNeuron"), [x, ONE], attributes):
        np.testing.assert_array_equal(y[-1], data["y"])
        np.testing.assert_array_equal(count[-1], data["phase"] >= 0)
        last = wait - 1 + np.arange(phases - wait + 1)[:, None]
        np.testing.assert_array_equal(count, (data["phase"] >= 0) & (data["phase"] <= last))


@every_variant
@pytest.mark.parametrize("name", ["powers_T4_n8", "fitted_T2_n16", "fitted_T3_n8", "fitted_T4_n4_signed"])
def test_differential(name: str, golden: Path, library: Library, run: Any) -> None:
    data = np.load(golden / f"differential_{name}.npz")
    steps = len(data["levels"])
    attributes = {name: data[name].ravel().tolist() for name in ("levels", "thresholds")}
    attributes |= {"steps": steps, "tables": steps, "signed": int(data["signed"])}
    x = data["x"] if data["signed"] else np.minimum(data["x"], data["hi"])
    for y, _, count in every_way(run, ops.get("DifferentialNeuron"), [x, data["scale"], ZERO, STEP], attributes):
        np.testing.assert_array_equal(count, data["difference"] != 0)
        np.testing.assert_allclose(y, data["estimate"], rtol=1e-5, atol=1e-5)

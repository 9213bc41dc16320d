# SPDX-License-Identifier: Apache-2.0
"""Deep and wide networks convert correctly, with time and memory proportional to their size.

Work is counted in calls of functions, and in nodes that onnxruntime is given; times are in tests/benchmarks/growth.py.
"""

from __future__ import annotations

import cProfile
import pstats

import numpy as np
import onnx
import pytest

import snncc
import snncc.runtime
from snncc.analysis import cpu_session
from snncc.models.growing import DEEP, WIDE
from tests.effort import THOROUGH

CODINGS = {
    "fs": snncc.FS(K=16),
    "phase": snncc.Phase(T=16, Q=1.3),
    "phase, waiting": snncc.Phase(T=16, Q=1.3, wait=12),
    "rate": snncc.Rate(T=16),
    "msat": snncc.MSAT(T=16),
}
GROWING = DEEP | WIDE
USUAL = [("mlp", "phase"), ("normalised", "fs"), ("residual", "rate"), ("pre-activation", "fs"), ("concat", "fs")]
ALL = [(name, coding) for name in GROWING for coding in CODINGS if (name, coding) not in USUAL]
PAIRS = [*USUAL, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ALL[:: 1 if THOROUGH else 8])]
BASE, MOST = 50, 2.15
DEPTHS = [(coding, 1000 if THOROUGH else least) for coding, least in (("fs", 200), ("phase", 50), ("rate", 50))]


def samples(model: onnx.ModelProto, count: int) -> np.ndarray:
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    return np.random.default_rng(1).uniform(0, 1, [count, *shape]).astype(np.float32)


def work(name: str, size: int, coding: str, *, data: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Calls of functions, and nodes given to onnxruntime, of a conversion."""
    given = []
    opened = cpu_session.ort.InferenceSession

    def counting(source: bytes, *rest: object, **more: object) -> object:
        given.append(len(onnx.load_model_from_string(source).graph.node))
        return opened(source, *rest, **more)

    model = GROWING[name](size)
    x = samples(model, 4)
    profile = cProfile.Profile()
    with monkeypatch.context() as patch:
        patch.setattr(cpu_session.ort, "InferenceSession", counting)
        profile.enable()
        snncc.convert(model, CODINGS[coding], calibration=x if data else None)
        profile.disable()
    return pstats.Stats(profile).total_calls, sum(given)


@pytest.mark.parametrize(("name", "coding"), PAIRS)
@pytest.mark.parametrize("data", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["data", "noise"])
def test_twice_the_size_takes_about_twice_the_work(
    name: str, coding: str, data: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(name, 4, coding, data=data, monkeypatch=monkeypatch)  # whatever is done once
    once, twice = (work(name, size, coding, data=data, monkeypatch=monkeypatch) for size in (BASE, 2 * BASE))
    for less, more in zip(once, twice, strict=True):
        assert more <= MOST * less, (once, twice)


def follows(name: str, size: int, coding: str, cosine: float) -> None:
    model = GROWING[name](size)
    x = samples(model, 8)
    snn = snncc.convert(model, CODINGS[coding], calibration=x)
    pairs = [snncc.runtime.create_session(m, device="cpu").run(None, {"input": x}) for m in (model, snn)]
    for want, found in zip(*pairs, strict=True):
        a, b = want.ravel().astype(np.float64), found.ravel().astype(np.float64)
        assert a @ b >= cosine * np.linalg.norm(a) * np.linalg.norm(b)
        assert abs(np.linalg.norm(b) / np.linalg.norm(a) - 1) < 0.05


@pytest.mark.parametrize("name", GROWING)
def test_a_network_of_forty_parts_is_converted_rightly(name: str) -> None:
    follows(name, 40, "fs", 0.9999)


@pytest.mark.parametrize("name", ["moves", "factors of one"])
def test_chains_of_ops_that_are_no_layers_may_be_longer_than_a_recursion(name: str) -> None:
    follows(name, 1100, "fs", 0.9999)


@pytest.mark.slow
@pytest.mark.parametrize(("coding", "layers"), DEPTHS)
@pytest.mark.parametrize("name", GROWING)
def test_networks_of_up_to_thousands_of_nodes_are_converted(name: str, coding: str, layers: int) -> None:
    follows(name, layers, coding, 0.9999 if coding == "fs" else -1)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import snncc
import snncc.runtime
from snncc.models import digits_network
from snncc.models.digits import Digits, load_digits
from tests.recurrent import cosine, layer, network, weights

__all__ = ["accuracy", "ann", "cosine", "digits", "follows", "layer", "network", "weights"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def accuracy() -> ModuleType:
    """The benchmark that knows the trained networks and how their data is preprocessed."""
    name = "snncc_benchmark_accuracy"
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "benchmarks" / "accuracy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def digits() -> Digits:
    return load_digits()


@pytest.fixture(scope="session")
def ann() -> bytes:
    """The digits network."""
    return digits_network()


SAMPLES = 48
# What each coding must reach at this few steps: the cosine of its outputs and the network's.
CODINGS = {
    "fs": (snncc.FS(K=18), 0.9999),
    "phase": (snncc.Phase(T=16, Q=1.3), 0.95),
    "phase, waiting": (snncc.Phase(T=16, Q=1.3, wait=12), 0.95),
    "rate": (snncc.Rate(T=16), 0.85),
    "rate, waiting": (snncc.Rate(T=16, wait=16), 0.95),
    "msat": (snncc.MSAT(T=32), 0.8),
}


def _constant(given: object, rng: np.random.Generator) -> np.ndarray:
    """A tuple is the shape of random weights, anything else the value."""
    value = np.asarray(rng.normal(0, 0.4, given) if isinstance(given, tuple) else given)
    return value.astype(np.float32) if value.dtype.kind == "f" else value


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return snncc.runtime.create_session(model, device="cpu").run(None, {"x": x})[0]


def _in_both_places(op: str, constants: dict[str, object]) -> onnx.ModelProto:
    """A network with `op`, from {x} to {y}, on a potential before a ReLU and on the spikes of one."""
    first, second = (op.replace("{x}", x).replace("{y}", y) for x, y in (("potential", "moved"), ("spikes", "passed")))
    text = f"""<ir_version: 10, opset_import: ["": 21]>
    net (float[N,4,6,6] x) => (float[N,3] y) {{
        potential = Conv <pads = [1,1,1,1]> (x, weights) {first} fired = Relu (moved) left = Flatten (fired)
        spikes = Relu (potential) {second} right = Flatten (passed)
        both = Concat <axis = 1> (left, right) h = MatMul (both, mixed) r = Relu (h) y = MatMul (r, last) }}"""
    model = parser.parse_model(text)
    rng = np.random.default_rng(3)
    values = {"weights": (4, 4, 3, 3), "last": (5, 3), **constants}
    made = {name: _constant(given, rng) for name, given in values.items()}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in made.items())
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 5), np.float32), "mixed"))
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.node[-3:]
    probe.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="both"))
    size = _run(probe, np.zeros((2, 4, 6, 6), np.float32)).shape[1]
    mixed = rng.normal(0, 2 / np.sqrt(size), (size, 5)).astype(np.float32)
    model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(mixed, "mixed"))
    return model


@pytest.fixture
def follows() -> Callable[..., onnx.ModelProto]:
    """`follows(op, constants, coding)`: the SNN of a network with `op` in both places, if it does what the ANN does."""

    def check(op: str, constants: dict[str, object], coding: str = "fs") -> onnx.ModelProto:
        ann = _in_both_places(op, constants)
        x = np.random.default_rng(4).normal(size=(SAMPLES, 4, 6, 6)).astype(np.float32)
        chosen, least = CODINGS[coding]
        exact = {"scale": "max", "match": False} if coding == "fs" else {}
        snn = snncc.convert(ann, chosen, calibration=x, **exact)
        expected, found = (_run(model, x[:24]).astype(np.float64).ravel() for model in (ann, snn))
        assert expected @ found >= least * np.linalg.norm(expected) * np.linalg.norm(found)
        assert abs(np.linalg.norm(found) / np.linalg.norm(expected) - 1) < 2 * (1 - least)
        return snn

    return check

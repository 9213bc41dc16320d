# SPDX-License-Identifier: Apache-2.0
"""onnx's test models and trained networks: each converts, or raises a SnnccError and no other exception."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.node import collect_testcases

import snncc
from snncc.errors import ModelError, UnsupportedOpError
from snncc.io.input_specs import specs_of
from tests.effort import THOROUGH

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
CODING = snncc.Phase(T=8, Q=1.5)
# Local response normalization is neither a synapse nor a neuron, so that it stays analog.
LIGHT = {"bvlc_alexnet": "LRN", "inception_v1": "LRN", "zfnet512": "LRN"}


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def test_slopes_of_another_shape():
    """Exporters of opset 6 wrote one slope per channel; today's PRelu lines shapes up from the right."""
    path = DATA / "pytorch-converted" / "test_PReLU_2d_multiparam" / "model.onnx"
    with pytest.raises(ModelError, match=r"slope '1' \[3\] of PRelu '2' does not broadcast to its input"):
        snncc.convert(_raised(path), CODING)


def _outcome(model: onnx.ModelProto | Path, calibration: dict[str, np.ndarray] | None = None) -> str:
    """`converted` or the kind of refusal; anything else escapes."""
    try:
        snn = snncc.convert(model, CODING, calibration=calibration)
    except snncc.SnnccError as error:
        return type(error).__name__
    onnx.checker.check_model(snn, full_check=True)
    return "converted"


def _two_samples(path: Path) -> dict[str, np.ndarray] | None:
    """Random inputs of a large network, which take less time than the 256 samples of noise that a conversion draws."""
    specs = specs_of(onnx.load(path, load_external_data=False))
    shapes = {spec.name: (spec.shape[0] if isinstance(spec.shape[0], int) else 2, *spec.shape[1:]) for spec in specs}
    open_axes = any(not isinstance(length, int) for shape in shapes.values() for length in shape)
    if open_axes or any(spec.dtype != np.float32 for spec in specs):
        return None
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def _raised(path: Path) -> onnx.ModelProto:
    """The model, with opset 6 called 7: most of these models mean the same in both."""
    model = onnx.load(path)
    for opset in model.opset_import:
        opset.version = max(opset.version, 7)
    return model


def _saved() -> list[Path]:
    return sorted(
        p for kind in ("simple", "pytorch-converted", "pytorch-operator") for p in DATA.glob(f"{kind}/*/model.onnx")
    )


def _every(count: int, of: list) -> list:
    return of[:: max(1, len(of) // count)]


def test_some_saved_models():
    files = _every(40, _saved())
    assert len(files) >= 40
    assert set(map(_outcome, files)) <= {"converted", "ModelError", "UnsupportedOpError", "UnsupportedShapeError"}


@pytest.mark.slow
def test_all_saved_models():
    outcomes = Counter(map(_outcome, _saved())) + Counter(_outcome(_raised(p)) for p in _saved())
    assert outcomes["converted"] >= 3, outcomes
    assert outcomes.keys() <= {"converted", "ModelError", "UnsupportedOpError", "UnsupportedShapeError"}


@pytest.mark.slow
def test_models_of_single_nodes():
    """Two are refused as a PassError, a Range whose ends are vectors of one number."""
    models = {c.name: c.model for c in collect_testcases(None) if c.model is not None}
    assert [_outcome(models.pop(f"test_affine_grid_2d{kind}_expanded")) for kind in ("", "_align_corners")] == [
        "PassError",
        "PassError",
    ]
    some = list(models.values())[:: 1 if THOROUGH else 4]
    outcomes = Counter(map(_outcome, some))
    assert outcomes["converted"] >= 1, outcomes
    assert outcomes.keys() <= {"converted", "ModelError", "UnsupportedOpError", "UnsupportedShapeError"}


def test_weights_made_by_constant_of_shape():
    """The light models keep no weights: nodes make them."""
    snn = snncc.convert(DATA / "light" / "light_squeezenet.onnx", CODING, normalize="layer")
    ops = Counter(n.op_type for n in snn.graph.node)
    assert ops["OneSpikeNeuron"] == 26
    assert ops["ConstantOfShape"] == ops["Relu"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(DATA.glob("light/*.onnx")), ids=lambda p: p.stem)
def test_light_models(path):
    island = LIGHT.get(path.stem.removeprefix("light_"))
    if path.stem == "light_vgg19":
        pytest.skip("takes minutes and gigabytes")
    assert _outcome(path, _two_samples(path)) == "converted"
    if island:
        with pytest.raises(UnsupportedOpError, match=f"  {island}: not supported: 'n"):
            snncc.convert(path, CODING, strict=True)


@pytest.mark.slow
def test_trained_networks(shared):
    files = sorted(shared.glob("models/**/*.onnx"))
    assert files
    for path in files:
        assert _outcome(path, _two_samples(path)) == "converted"
    with pytest.raises(UnsupportedOpError, match="  Exp: not supported: "):
        snncc.convert(shared / "models" / "topology" / "ultraface_version-slim-320.onnx", CODING, strict=True)

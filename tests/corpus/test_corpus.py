# SPDX-License-Identifier: Apache-2.0
"""Models converted by earlier releases load and give the recorded outputs, by bodies and by kernels."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from click.testing import CliRunner
from onnx.reference import ReferenceEvaluator

import snncc
from snncc.cli import main
from snncc.ir.metadata import metadata_of
from snncc.runtime import create_session

HERE = Path(__file__).parent
MODELS = sorted(HERE.glob("*/*.onnx"))
LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL")

Feeds = dict[str, np.ndarray]

every_model = pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}/{path.stem}")
every_level = pytest.mark.parametrize("level", LEVELS)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that adds a release."""
    spec = importlib.util.spec_from_file_location("snncc_corpus_make", HERE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def stored(path: Path, kind: str) -> Feeds:
    with np.load(path.with_suffix(".npz")) as file:
        return {key.removeprefix(f"{kind} "): file[key] for key in file.files if key.startswith(f"{kind} ")}


def given(path: Path) -> tuple[np.ndarray, bool]:
    """(Input, whether the outputs are exact.)"""
    with np.load(path.with_suffix(".npz")) as file:
        return file["x"], bool(file["exact"])


def assert_as_stored(path: Path, found: Feeds) -> None:
    expected, (x, exact) = stored(path, "output"), given(path)
    assert found.keys() == expected.keys()
    tolerance = 1e-3 if x.dtype == np.float16 else 1e-5
    for name, values in expected.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        if exact:
            np.testing.assert_array_equal(found[name], values)
        else:
            np.testing.assert_allclose(found[name], values, rtol=tolerance, atol=tolerance)


def run(path: Path, call: Callable[[Feeds], Feeds]) -> Feeds:
    """As any host does; a model of single steps as README.md has it, from the metadata alone."""
    x, _ = given(path)
    model = onnx.load(path)
    form = metadata_of(model)["snncc.form"]
    feeds = {model.graph.input[0].name: x}
    if form["form"] != "step":
        return call(feeds)
    for state in form["states"]:
        shape = [len(x) if isinstance(size, str) else size for size in state["shape"] or [1]]
        feeds[state["input"]] = np.full(shape, state["initial"], state["dtype"])
    steps = []
    for _ in range(form["steps"]):
        found = call(feeds)
        feeds |= {state["input"]: found.pop(state["output"]) for state in form["states"]}
        steps.append(found)
    return {name: np.stack([found[name] for found in steps]) for name in steps[0]}


def by_session(session: ort.InferenceSession) -> Callable[[Feeds], Feeds]:
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(None, feeds), strict=True))


@every_level
@every_model
def test_bodies(path: Path, level: str) -> None:
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    assert_as_stored(path, run(path, by_session(session)))


@every_model
def test_bodies_in_the_reference_evaluator(path: Path) -> None:
    evaluator = ReferenceEvaluator(onnx.load(path))
    names = evaluator.output_names
    assert_as_stored(path, run(path, lambda feeds: dict(zip(names, evaluator.run(None, feeds), strict=True))))


@every_model
def test_kernels(path: Path) -> None:
    assert_as_stored(path, run(path, by_session(create_session(path, device="cpu"))))


@every_model
def test_spikes(path: Path) -> None:
    expected = stored(path, "spikes")
    if expected:
        trains, outputs = snncc.spike_trains(path, given(path)[0], device="cpu")
        assert {layer.name: layer.count for layer in trains.layers} == {k: int(v) for k, v in expected.items()}
        assert_as_stored(path, outputs)
    else:
        assert metadata_of(onnx.load(path))["snncc.form"]["form"] in ("loop", "step")


@every_model
def test_inspect(path: Path) -> None:
    result = CliRunner().invoke(main, ["inspect", str(path), "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found["converted"]
    assert found["metadata"]["snncc.version"] == path.parent.name
    assert found["metadata"]["snncc.coding"]["name"] == path.stem.split("_")[0]
    assert found["neurons"]


@every_model
def test_onnx_accepts_it(path: Path) -> None:
    onnx.checker.check_model(onnx.load(path), full_check=True)


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODELS}), ids=lambda folder: folder.name)
def test_a_release_is_small(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) < 300_000


def test_a_release_is_never_made_again(make, tmp_path, monkeypatch):
    monkeypatch.setattr(make, "HERE", tmp_path)
    (tmp_path / snncc.__version__).mkdir()
    with pytest.raises(SystemExit, match=r"is there already. What a release wrote stays as it is: raise the version"):
        make.main()
    assert not list((tmp_path / snncc.__version__).iterdir())


def test_a_release_has_every_op_or_is_not_made(make, tmp_path, monkeypatch):
    monkeypatch.setattr(make, "HERE", tmp_path)
    monkeypatch.setattr(make, "RECIPES", {"fs": make.RECIPES["fs"]})
    with pytest.raises(SystemExit, match=r"no model has .*OneSpikeNeuron.*; add a recipe that leads to it"):
        make.main()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_next_release_can_be_made(make, tmp_path, monkeypatch):
    monkeypatch.setattr(make, "HERE", tmp_path)
    make.main()
    assert len(list((tmp_path / snncc.__version__).glob("*.onnx"))) == len(make.RECIPES)

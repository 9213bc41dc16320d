# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from snncc import ops
from snncc.errors import ModelError, OptionError, RuntimeLibraryError
from snncc.io import large_models
from snncc.runtime import create_session, get_library_path, session
from snncc.runtime.devices import cuda_unavailable

ModelBuilder = Callable[..., onnx.ModelProto]
FEEDS = {"X": np.float32([[0.8, 0.75, 0.3, 0.1]]), "scale": np.float32([1])}
SPIKES = np.float32([[1, 1, 0.5, 0]])


def assert_runs(opened: ort.InferenceSession) -> None:
    np.testing.assert_array_equal(opened.run(["Y"], FEEDS)[0], SPIKES)


def test_opens_a_file_bytes_and_a_model(neuron_model: ModelBuilder, tmp_path: Path) -> None:
    model = neuron_model()
    path = tmp_path / "neuron.onnx"
    onnx.save(model, path)
    for given in (path, str(path), model.SerializeToString(), model):
        assert_runs(create_session(given))


def test_library_is_used(neuron_model: ModelBuilder) -> None:
    model = neuron_model()
    wrong = "Y = Identity (X)\ncount = Cast <to = 6> (X)"
    model.functions.append(
        onnx.parser.parse_function(
            f'<domain: "{ops.DOMAIN}", opset_import: ["": 20]>\n'
            f"OneSpikeNeuron <levels, thresholds> (X, scale) => (Y, count) {{ {wrong} }}"
        )
    )
    plain = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(plain.run(["Y"], FEEDS)[0], FEEDS["X"])
    assert_runs(create_session(model))


def test_options_may_have_the_library_already(neuron_model: ModelBuilder) -> None:
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(get_library_path()))
    assert_runs(create_session(neuron_model(), options=options))
    assert_runs(create_session(neuron_model(), options=options))


def test_options_are_used_and_left_as_they_were(neuron_model: ModelBuilder, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    assert_runs(create_session(neuron_model(), options=options))
    assert (tmp_path / "optimized.onnx").is_file()
    assert options.log_severity_level == 3
    assert_runs(create_session(neuron_model(), options=options))


def test_auto_is_quiet(neuron_model: ModelBuilder, capfd: pytest.CaptureFixture[str]) -> None:
    opened = create_session(neuron_model(), device="auto", options=ort.SessionOptions())
    if cuda_unavailable() is not None:
        assert opened.get_providers() == ["CPUExecutionProvider"]
    assert capfd.readouterr() == ("", "")


def test_cuda_that_is_not_there(neuron_model: ModelBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "cuda_unavailable", lambda: "there is no GPU; buy one.")
    with pytest.raises(RuntimeLibraryError, match=r"no GPU; buy one.*device='cpu'"):
        create_session(neuron_model(), device="cuda")
    assert_runs(create_session(neuron_model(), device="auto"))


def test_cuda_that_falls_back(neuron_model: ModelBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_providers", lambda _: ["CPUExecutionProvider"])
    with pytest.raises(RuntimeLibraryError, match="fell back to CPUExecutionProvider"):
        create_session(neuron_model(), device="cuda")


def test_cuda_has_no_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "cuda_unavailable", lambda: None)
    assert session._providers("auto")[0] == ("CUDAExecutionProvider", {"use_tf32": "0"})


def test_unknown_device(neuron_model: ModelBuilder) -> None:
    with pytest.raises(OptionError, match="'tpu'"):
        create_session(neuron_model(), device="tpu")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx is not there"):
        create_session(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="is a folder"):
        create_session(tmp_path)


@pytest.mark.parametrize("content", [b"", b"this is no model", b"\x08"])
def test_not_a_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"wrong\.onnx"):
        create_session(path)
    with pytest.raises(ModelError, match="as bytes"):
        create_session(content)


def with_weight(neuron_model: ModelBuilder) -> onnx.ModelProto:
    model = neuron_model()
    scale = model.graph.input.pop()
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32([1]), scale.name))
    return model


def test_model_beyond_two_gigabytes(neuron_model: ModelBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_models, "_MOST", 0)
    monkeypatch.setattr(large_models, "_SET_ASIDE", 0)
    model = with_weight(neuron_model)
    before = model.SerializeToString()
    opened = create_session(model)
    np.testing.assert_array_equal(opened.run(["Y"], {"X": FEEDS["X"]})[0], SPIKES)
    assert model.SerializeToString() == before


def test_no_room_for_a_large_model(neuron_model: ModelBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(large_models, "_MOST", 0)
    monkeypatch.setattr("snncc.io.opening.serialised", fail)
    with pytest.raises(ModelError, match=r"No space left.*TMPDIR"):
        create_session(with_weight(neuron_model))


def test_weights_beside_bytes(neuron_model: ModelBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(with_weight(neuron_model), path, save_as_external_data=True, location="weights", size_threshold=0)
    assert create_session(path).run(["Y"], {"X": FEEDS["X"]})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ModelError, match="as bytes"):
        create_session(path.read_bytes())


def test_streams_of_the_process_stay(neuron_model: ModelBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads may print while a session opens."""
    seen = []
    open_session = ort.InferenceSession

    def watched(*args: Any, **options: Any) -> ort.InferenceSession:
        seen.append((sys.stdout, sys.stderr))
        return open_session(*args, **options)

    monkeypatch.setattr(session.ort, "InferenceSession", watched)
    before = (sys.stdout, sys.stderr)
    assert_runs(create_session(neuron_model(), options=ort.SessionOptions()))
    assert seen
    assert all(streams == before for streams in seen)


def test_auto_takes_the_cpu_where_cuda_does_not_start(
    neuron_model: ModelBuilder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    open_session = ort.InferenceSession

    def without_cuda(*args: Any, providers: list[Any], **options: Any) -> ort.InferenceSession:
        if providers != ["CPUExecutionProvider"]:
            raise session.states.EPFail("no device")
        return open_session(*args, providers=providers, **options)

    monkeypatch.setattr(session, "cuda_unavailable", lambda: None)
    monkeypatch.setattr(session.ort, "InferenceSession", without_cuda)
    assert_runs(create_session(neuron_model(), device="auto"))
    with pytest.raises(RuntimeLibraryError, match="no device"):
        create_session(neuron_model(), device="cuda")
    assert capfd.readouterr().out == ""


def test_python_ends_well_after_an_import() -> None:
    """onnx 1.21 crashed where an inference function in Python outlived the interpreter."""
    assert subprocess.run([sys.executable, "-c", "import snncc"], check=False).returncode == 0

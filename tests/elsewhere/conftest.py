# SPDX-License-Identifier: Apache-2.0
"""onnxruntime-web, under Node and in headless Chromium: pass models in, read results back.

`npm install --prefix tests/elsewhere` brings the package; the browser is whatever Chromium or Chrome is on the path.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import snncc
from snncc.models import digits_network
from snncc.models.digits import Digits, load_digits

HERE = Path(__file__).parent
PATIENCE = 600  # seconds, for a machine that is busy
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


Cases = Mapping[str, tuple[onnx.ModelProto, Mapping[str, np.ndarray]]]  # by name: a model and its inputs


@dataclass(frozen=True)
class Result:
    """Outputs by name, and how long the second run took."""

    outputs: dict[str, np.ndarray]
    milliseconds: float


def _write(cases: Cases, folder: Path) -> None:
    """Put the cases into `folder`, for `cases.mjs`; inputs are float32 or int64."""
    listed = []
    for number, (name, (model, given)) in enumerate(cases.items()):
        (folder / f"{number}.onnx").write_bytes(model.SerializeToString())
        inputs = {
            key: {"type": str(a.dtype), "dims": a.shape, "data": base64.b64encode(a.tobytes()).decode()}
            for key, a in given.items()
        }
        listed.append({"name": name, "model": f"{number}.onnx", "inputs": inputs})
    (folder / "cases.json").write_text(json.dumps(listed))


def _parsed(text: str | bytes) -> dict[str, Result]:
    results = {}
    for name, found in json.loads(text).items():
        assert "error" not in found, f"{name}: {found['error']}"
        outputs = {k: np.array(v["data"], np.float64).reshape(v["dims"]) for k, v in found["outputs"].items()}
        results[name] = Result(outputs, found["milliseconds"])
    return results


def _in_node(folder: Path) -> dict[str, Result]:
    """Results by the case's name, of the cases in `folder`."""
    command = ["node", str(HERE / "node.mjs"), str(folder)]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return _parsed(done.stdout)


def _find_browser() -> str | None:
    """The path of a Chromium."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


_TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


class _Pages(SimpleHTTPRequestHandler):
    """This folder, with the cases under /cases; what is posted to /results ends the wait."""

    def __init__(self, folder: Path, results: list[bytes], done: threading.Event, *args: Any) -> None:
        self._folder, self._results, self._done = folder, results, done
        super().__init__(*args, directory=str(HERE))

    def guess_type(self, path: Any) -> str:
        return _TYPES.get(Path(path).suffix) or super().guess_type(path)

    def translate_path(self, path: str) -> str:
        if path.startswith("/cases/"):
            return str(self._folder / Path(path).name)
        return super().translate_path(path)

    def do_POST(self) -> None:
        self._results.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self._done.set()

    def log_message(self, *args: Any) -> None:
        """Nothing."""


def _in_browser(folder: Path, profile: Path) -> dict[str, Result]:
    """Results by the case's name, of the cases in `folder`; `profile` is an empty folder."""
    results: list[bytes] = []
    done = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, folder, results, done)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}/browser.html"
        log = profile.parent / "browser.log"
        with log.open("wb") as stderr:
            command = [str(_find_browser()), *_FLAGS, f"--user-data-dir={profile}", page]
            browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
            try:
                assert done.wait(PATIENCE), f"the page gave no results: {log.read_text()[-2000:]}"
            finally:
                browser.terminate()
                browser.wait(PATIENCE)
                server.shutdown()
    return _parsed(results[0])


@pytest.fixture(params=["node", "browser"])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Cases], dict[str, Result]]:
    """Runs models in onnxruntime-web; gives the results of each by its name."""
    if not (HERE / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("onnxruntime-web is not there: npm install --prefix tests/elsewhere")
    if request.param == "node" and not shutil.which("node"):
        pytest.skip("Node is not there")
    if request.param == "browser" and not _find_browser():
        pytest.skip(f"no browser is there: {', '.join(_BROWSERS)}")
    folder, profile = tmp_path / "cases", tmp_path / "profile"
    for path in (folder, profile):
        path.mkdir()

    def run(cases: Cases) -> dict[str, Result]:
        _write(cases, folder)
        return _in_node(folder) if request.param == "node" else _in_browser(folder, profile)

    return run


@pytest.fixture(scope="session")
def digits() -> Digits:
    return load_digits()


CODINGS = {
    "phase": snncc.Phase(T=24, Q=1.2),
    "phase, waiting": snncc.Phase(T=16, Q=1.3, wait=10),
    "few spikes": snncc.FS(K=10),
    "rate": snncc.Rate(T=16, signed=False),
    "rate, signed": snncc.Rate(T=16, signed=True),
    "rate, waiting": snncc.Rate(T=16, wait=16),
    "MSAT": snncc.MSAT(T=32),
    "MSAT, confident": snncc.MSAT(T=32, confidence="auto"),
}


@pytest.fixture(scope="session")
def spiking_digits(digits: Digits) -> dict[str, onnx.ModelProto]:
    """The digits network in every coding, and with weights of 8 bits."""
    convert = partial(snncc.convert, digits_network(), calibration=digits.train_images[:100])
    int8 = {"few spikes, int8": convert(CODINGS["few spikes"], weights="int8")}
    return {name: convert(coding) for name, coding in CODINGS.items()} | int8


@pytest.fixture(scope="session")
def spiking_resnet20(shared: Path) -> dict[str, onnx.ModelProto]:
    """ResNet-20 on CIFAR-10."""
    source = shared / "models" / "resnet20_cifar10.onnx"
    with np.load(shared / "data" / "cifar10_calib.npz") as file:
        data = file["images"][:200]
    codings = {"phase": snncc.Phase(T=24, Q=1.2), "few spikes": snncc.FS(K=10)}
    return {
        name: snncc.convert(source, c, calibration=data, preprocess="imagenet", form="folded")
        for name, c in codings.items()
    }


@pytest.fixture(scope="session")
def cifar10(shared: Path) -> np.ndarray:
    """The first test images, as the `imagenet` preset has them."""
    with np.load(shared / "data" / "cifar10_test.npz") as file:
        pixels = file["images"][:20] / 255.0
    values = (pixels - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)

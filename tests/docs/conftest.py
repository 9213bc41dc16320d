# SPDX-License-Identifier: Apache-2.0
"""A folder with small untrained versions of all files that the commands in the documentation read."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest

from snncc.models.digits import load_digits
from snncc.models.seeded import SeededNetwork
from snncc.models.zoo import ZOO, noise

_GRID = """
[[model]]
path = "model.onnx"
data = "test.npz"
[[coding]]
name = "fs"
K = [2, 4]
"""
_NETWORKS = """
["digits"]
model = "model.onnx"
calib = "train.npz"
test = "test.npz"
"""


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("material")
    onnx.save(_network(), folder / "model.onnx")
    shutil.copy(folder / "model.onnx", folder / "digits_cnn.onnx")
    shutil.copy(str(files("snncc.models") / "digits_cnn_silu.onnx"), folder / "silu_model.onnx")
    shutil.copy(str(files("snncc.models") / "digits_vit.onnx"), folder / "digits_vit.onnx")
    digits = load_digits()
    np.savez(folder / "train.npz", input=digits.train_images[:64], labels=digits.train_labels[:64])
    np.savez(folder / "test.npz", input=digits.test_images[:32], labels=digits.test_labels[:32])
    (folder / "grid.toml").write_text(_GRID)
    (folder / "networks.toml").write_text(_NETWORKS)
    recurrent, graph = ZOO["bilstm_imdb"](), ZOO["text_gcn"]()
    onnx.save(recurrent, folder / "bilstm_imdb.onnx")
    np.savez(folder / "imdb_calib.npz", **noise(recurrent, 16, 0))
    np.savez(folder / "imdb_test.npz", **noise(recurrent, 16, 1), labels=np.arange(16) % 2)
    (folder / "build" / "r8").mkdir(parents=True)
    onnx.save(graph, folder / "build" / "r8" / "model.onnx")
    there = np.ones((1, 300), np.float32)
    np.savez(folder / "build" / "r8" / "calib.npz", input=there)
    np.savez(folder / "build" / "r8" / "test.npz", input=there, labels=np.arange(300)[None] % 8)
    return folder


@pytest.fixture
def workplace(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the material: the working folder of the test."""
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def _network() -> onnx.ModelProto:
    """For images of digits, with a residual sum and no maximum pooling, which not every tool can say."""
    net = SeededNetwork("digits", (1, 8, 8), 0)
    x = net.unit(net.input, "stem", 8)
    x = net.act(net.op("Add", [x, net.unit(x, "block", 8, relu=False)], "sum"), "relu")
    return net.classifier(net.unit(x, "last", 16, stride=2), 10)

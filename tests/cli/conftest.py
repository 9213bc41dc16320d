# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click.testing
import numpy as np
import pytest

from snncc.cli import main
from snncc.models import digits_network
from snncc.models.digits import load_digits

Invoke = Callable[..., click.testing.Result]


@pytest.fixture
def snncc(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command line in this process, at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)  # where check would annotate its failures

    def invoke(*arguments: object) -> click.testing.Result:
        return click.testing.CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)

    return invoke


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the digits network ann.onnx, converted as snn.onnx, and train.npz and test.npz."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "ann.onnx").write_bytes(digits_network())
    data = load_digits()
    np.savez(folder / "train.npz", input=data.train_images[:300], labels=data.train_labels[:300])
    np.savez(folder / "test.npz", input=data.test_images[:100], labels=data.test_labels[:100])
    arguments = ["convert", folder / "ann.onnx", "-o", folder / "snn.onnx", "--calib", folder / "train.npz"]
    result = click.testing.CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder

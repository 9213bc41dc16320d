# SPDX-License-Identifier: Apache-2.0
"""The same network, options and data give the same bytes, in every process and for every form of the data."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest

import snncc

CODING = snncc.Phase(T=16, Q=1.3)


def _bytes(model: object, **options: object) -> bytes:
    return snncc.convert(model, CODING, **options).SerializeToString(deterministic=True)


def test_twice_in_one_process(cnn, images):
    assert _bytes(cnn) == _bytes(cnn)
    assert _bytes(cnn, calibration=images) == _bytes(cnn, calibration=images)


def test_however_the_data_comes(cnn, images, tmp_path):
    np.save(tmp_path / "d.npy", images)
    np.savez(tmp_path / "d.npz", x=images)
    expected = _bytes(cnn, calibration=images, scale="max")
    for data in (
        {"x": images},
        tmp_path / "d.npy",
        str(tmp_path / "d.npz"),
        iter([images]),
        (images[i : i + 7] for i in range(0, len(images), 7)),
        ({"x": image} for image in images),
        images.astype(np.float64),
    ):
        assert _bytes(cnn, calibration=data, scale="max") == expected


def test_other_data_gives_other_bytes(cnn, images):
    assert _bytes(cnn, calibration=images) != _bytes(cnn, calibration=images[::-1])
    assert _bytes(cnn, calibration=images) != _bytes(cnn, calibration=images[:-1])


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_in_another_process(cnn, images, tmp_path, seed):
    onnx.save(cnn, tmp_path / "m.onnx")
    np.save(tmp_path / "d.npy", images)
    code = (
        "import hashlib, sys, snncc\n"
        "for data in (None, sys.argv[2]):\n"
        "    snn = snncc.convert(sys.argv[1], snncc.Phase(T=16, Q=1.3), calibration=data)\n"
        "    print(hashlib.sha256(snn.SerializeToString()).hexdigest())\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "m.onnx"), str(tmp_path / "d.npy")]
    found = subprocess.run(
        arguments, env={**os.environ, "PYTHONHASHSEED": seed}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    own = [snncc.convert(cnn, CODING, calibration=data).SerializeToString() for data in (None, images)]
    assert found.stdout.split() == [hashlib.sha256(b).hexdigest() for b in own]

# SPDX-License-Identifier: Apache-2.0
"""Images of more than 8 bits, files that are not images, and endless files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snncc.errors import DataError
from snncc.io.images import read_image
from snncc.io.sample_sources import chunks_of, labels_of

RAMP = np.linspace(0, 65535, 48).astype(np.uint16).reshape(8, 6)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled(tmp_path: Path, suffix: str, channels: int) -> None:
    Image.fromarray(RAMP).save(tmp_path / f"a.{suffix}")
    found = read_image(tmp_path / f"a.{suffix}", (8, 6, channels), DataError)
    expected = np.rint(RAMP / 257).astype(np.uint8)
    for channel in range(channels):
        np.testing.assert_array_equal(found[0, :, :, channel], expected)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_32_bits_are_refused(tmp_path: Path, kind: type) -> None:
    Image.fromarray(RAMP.astype(kind)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: has values of 32 bits.*8 or 16 bits"):
        read_image(tmp_path / "a.tif", (8, 6, 1), DataError)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((8, 6), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image \(.*bomb"):
        read_image(tmp_path / "a.png", (8, 6, 1), DataError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.npz", "a.npy"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=r"a\.png: is a folder, a pipe or a device"):
        read_image(tmp_path / "a.png", (8, 6, 1), DataError)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(DataError, match="is of a kind that is not read"):
            list(chunks_of(tmp_path / name, ["x"], None))
        assert labels_of(tmp_path / name) is None


@pytest.mark.parametrize("label", [2**63, 2**64 - 1])
def test_labels_beyond_int64_are_refused(label: int) -> None:
    with pytest.raises(DataError, match=f"labels reach {label}"):
        labels_of({"labels": np.array([0, label], np.uint64)})
    assert labels_of({"labels": np.array([0, 2**63 - 1], np.uint64)}) is not None

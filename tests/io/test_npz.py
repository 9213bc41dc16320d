# SPDX-License-Identifier: Apache-2.0
"""Archives of arrays under any name: numpy reads them, and unpacking writes to the target folder only."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from snncc.io.npz import entry_names, npz_bytes

NAMES = ["y", "file", "allow_pickle", "a/b:0", "../../evil", "/etc/x", "..\\up", "C:\\x", "", "a\0b", ".", "λ", "y_1"]


@pytest.mark.parametrize("compress", [False, True])
def test_every_name_is_read_back(tmp_path: Path, compress: bool) -> None:
    arrays = {name: np.full((2, i), i, np.float32) for i, name in enumerate(NAMES)}
    content = npz_bytes(arrays, compress=compress)
    assert content == npz_bytes(arrays, compress=compress)
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        assert list(found) == entry_names(NAMES)
        for name, value in zip(entry_names(NAMES), arrays.values(), strict=True):
            np.testing.assert_array_equal(found[name], value)
    (tmp_path / "here").mkdir()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.namelist():
            assert (tmp_path / "here" / entry).resolve().is_relative_to(tmp_path / "here")


def test_harmless_names_stay() -> None:
    assert entry_names(["y", "file", "layer/conv:0"]) == ["y", "file", "layer/conv:0"]


def test_names_that_become_one_stay_apart() -> None:
    assert entry_names(["/a", "a", "a/", "a_1"]) == ["a", "a_1", "a_2", "a_1_1"]

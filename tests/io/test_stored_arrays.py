# SPDX-License-Identifier: Apache-2.0
"""The arrays of an .npz file are read one batch at a time, with the same values as numpy reads."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from snncc.errors import DataError
from snncc.io.batches import batches
from snncc.io.input_specs import InputSpec
from snncc.io.sample_sources import Part
from snncc.io.stored_arrays import Archive, StoredArray

SPEC = InputSpec("x", ("N", 2, 3), np.dtype(np.float32))
SAVE = {"stored": np.savez, "compressed": np.savez_compressed}


def values(count: int) -> np.ndarray:
    return np.arange(count * 6, dtype=np.float32).reshape(count, 2, 3)


def joined(path: Path | Part, size: int = 4, name: str = "x") -> np.ndarray:
    return np.concatenate([batch[name] for batch in batches(path, [SPEC], batch_size=size)])


@pytest.mark.parametrize("save", SAVE)
@pytest.mark.parametrize(
    "given",
    [
        values(10),
        values(10).astype(">f4"),
        values(10).astype(np.float64),
        np.asfortranarray(values(10)),
        values(10)[:, ::-1],
        values(1),
        values(1)[0],
        values(10).astype(np.int64),
    ],
    ids=["float32", "big endian", "float64", "Fortran", "strided", "one", "without batch", "int64"],
)
def test_batches_are_what_numpy_reads(tmp_path: Path, save: str, given: np.ndarray) -> None:
    SAVE[save](tmp_path / "d.npz", x=given)
    expected = given.astype(np.float32).reshape(-1, 2, 3)
    np.testing.assert_array_equal(joined(tmp_path / "d.npz"), expected)


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (3, 9), (8, 99), (0, 10**9)])
def test_a_part_is_what_a_slice_is(tmp_path: Path, start: int, stop: int) -> None:
    np.savez_compressed(tmp_path / "d.npz", x=values(10))
    np.testing.assert_array_equal(joined(Part(tmp_path / "d.npz", start, stop)), values(10)[start:stop])


def test_rows_may_be_asked_for_in_any_order(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "d.npz", x=values(10))
    with zipfile.ZipFile(tmp_path / "d.npz") as file:
        rows = Archive(file, lambda e: e)["x"]
        assert isinstance(rows, StoredArray)
        for chosen in (slice(2, 4), slice(7, 9), slice(0, 3), slice(5, 5), slice(9, 99)):
            np.testing.assert_array_equal(rows[chosen], values(10)[chosen])
        np.testing.assert_array_equal(rows.between(3, 8)[1:4], values(10)[4:7])


@pytest.mark.parametrize("save", SAVE)
def test_memory_holds_a_batch_of_a_large_file(tmp_path: Path, save: str) -> None:
    SAVE[save](tmp_path / "d.npz", x=np.zeros((2_000_000, 2, 3), np.float32))  # 48 MB
    tracemalloc.start()
    assert len(next(batches(tmp_path / "d.npz", [SPEC], batch_size=64))["x"]) == 64
    assert joined(Part(tmp_path / "d.npz", 1_999_990, 2_000_000)).shape == (10, 2, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def cut(path: Path) -> None:
    """Change the array's header to more rows than the data has."""
    header = np.lib.format.header_data_from_array_1_0(values(10)) | {"shape": (11, 2, 3)}
    with zipfile.ZipFile(path, "w") as file, file.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(values(10).tobytes())


def flipped(path: Path) -> None:
    """One bit, in numbers that are numbers still: the checksum at the end of the array tells."""
    np.savez(path, x=np.arange(3000).reshape(500, 2, 3))
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)


def objects(path: Path) -> None:
    np.savez(path, x=np.array([None, 1], object))


@pytest.mark.parametrize("damage", [cut, flipped, objects], ids=lambda f: f.__name__)
def test_damage_in_the_middle_is_an_error_that_names_the_file(tmp_path: Path, damage) -> None:
    damage(tmp_path / "d.npz")
    with pytest.raises(DataError, match=r"d\.npz: cannot be read: .* Save the arrays again with numpy\.savez"):
        joined(tmp_path / "d.npz")

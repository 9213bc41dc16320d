# SPDX-License-Identifier: Apache-2.0
"""CI's checks of an sdist and a wheel: a valid pair passes, each fault is named."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
LIBRARY = "snncc/runtime/libsnncc_ops.so"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_release", ROOT / ".ci" / "check_release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def release(
    folder: Path, check: ModuleType, *, more: str = "", less: str = "", tag: str = "manylinux_2_34_x86_64"
) -> None:
    """An sdist and a wheel of empty files, with one file `more`, or one `less`, in the wheel."""
    with tarfile.open(folder / f"snncc-{VERSION}.tar.gz", "w:gz") as archive:
        for name in check._NEEDED["sdist"]:
            archive.addfile(tarfile.TarInfo(f"snncc-{VERSION}/{name}"), io.BytesIO())
    with zipfile.ZipFile(folder / f"snncc-{VERSION}-py3-none-{tag}.whl", "w") as archive:
        archive.writestr(f"snncc-{VERSION}.dist-info/METADATA", f"Name: snncc\nVersion: {VERSION}\n")
        for name in {*check._NEEDED["wheel"], LIBRARY, *filter(None, [more])} - {less}:
            archive.writestr(name, "")


def test_a_good_release_passes(tmp_path: Path, check: ModuleType) -> None:
    release(tmp_path, check)
    assert list(check.faults(tmp_path)) == []


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"more": "snncc/runtime/csrc/ort.cc"}, "holds the source snncc/runtime/csrc/ort.cc"),
        ({"more": "snncc/.env"}, "holds snncc/.env"),
        ({"more": "id_rsa"}, "holds id_rsa"),
        ({"more": "snncc/libonnxruntime.so"}, "holds snncc/libonnxruntime.so"),
        ({"less": LIBRARY}, "the wheel's libraries are"),
        ({"less": "snncc/py.typed"}, "lacks snncc/py.typed"),
        ({"tag": "linux_x86_64"}, "is not for any Python 3 and any Linux"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, check: ModuleType, spoilt: dict[str, str], said: str) -> None:
    release(tmp_path, check, **spoilt)
    assert any(said in fault for fault in check.faults(tmp_path))


def test_both_must_be_there(tmp_path: Path, check: ModuleType) -> None:
    assert "not one of each" in next(check.faults(tmp_path))

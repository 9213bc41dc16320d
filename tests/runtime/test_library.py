# SPDX-License-Identifier: Apache-2.0
"""The library file: exported symbols, required onnxruntime version, loading."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime as ort
import pytest

from snncc.errors import RuntimeLibraryError
from snncc.io import native_library
from snncc.runtime import get_library_path
from snncc.runtime.native import Library

ABI = Path(__file__).parents[2] / "runtime" / "csrc" / "ort_abi.h"


def test_path_is_a_file() -> None:
    assert get_library_path().is_file()


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "_FILES", ("libnothing.so",))
    with pytest.raises(RuntimeLibraryError, match="pip install"):
        get_library_path()


def test_exports_nothing_but_its_api() -> None:
    tool = shutil.which("nm")
    if tool is None or sys.platform != "linux":
        pytest.skip("needs nm, to read a Linux library")
    command = [tool, "-D", "--defined-only", str(get_library_path())]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    names = {line.split()[-1] for line in lines}
    assert "RegisterCustomOps" in names
    assert {name for name in names if not name.startswith("snncc_")} == {"RegisterCustomOps"}


class _ApiBase(ctypes.Structure):
    _fields_ = (
        ("GetApi", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)),
        ("GetVersionString", ctypes.CFUNCTYPE(ctypes.c_char_p)),
    )


@pytest.fixture(scope="module")
def api_base() -> _ApiBase:
    """The table that onnxruntime handed to the library."""
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(get_library_path()))
    get_base = ctypes.CDLL(str(get_library_path())).snncc_ort_api_base
    get_base.restype = ctypes.POINTER(_ApiBase)
    base: _ApiBase = get_base().contents
    return base


def test_version_through_the_table(api_base: _ApiBase) -> None:
    assert api_base.GetVersionString().decode() == ort.__version__


def test_every_slot_is_there(api_base: _ApiBase) -> None:
    text = ABI.read_text()
    version = re.search(r"kOrtApiVersion = (\d+);", text)
    slots = {name: int(slot) for name, slot in re.findall(r"SNNCC_SLOT\((\w+), (\d+)\);", text)}
    assert version is not None
    assert len(slots) > 20
    address = api_base.GetApi(int(version.group(1)))
    table = ctypes.cast(address, ctypes.POINTER(ctypes.c_void_p))
    assert [name for name, slot in slots.items() if not table[slot]] == []


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    full = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=full)


def test_loads_without_a_gpu() -> None:
    code = """
import onnxruntime, snncc.runtime
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(str(snncc.runtime.get_library_path()))
"""
    done = run_python(code, CUDA_VISIBLE_DEVICES="")
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("asked", ["plain", "avx2", "avx512", "nonsense"])
def test_environment_chooses_the_cpu_variant(asked: str) -> None:
    best = run_python("from snncc.runtime.native import Library; print(Library().cpu_variant)", SNNCC_CPU="")
    loaded = Library()
    before = loaded.cpu_variant
    expected = asked if loaded.use_cpu_variant(asked) else best.stdout.strip()
    loaded.use_cpu_variant(before)
    done = run_python("from snncc.runtime.native import Library; print(Library().cpu_variant)", SNNCC_CPU=asked)
    assert done.stdout.strip() == expected


def test_is_hardened() -> None:
    """Full RELRO and a stack protector."""
    tools = shutil.which("readelf"), shutil.which("nm")
    if None in tools or sys.platform != "linux":
        pytest.skip("needs readelf and nm, to read a Linux library")
    path = str(get_library_path())
    shown = [
        subprocess.run([tool, *options, path], check=True, capture_output=True, text=True).stdout
        for tool, options in zip(tools, (["-ldW"], ["-D"]), strict=True)
        if tool
    ]
    assert "GNU_RELRO" in shown[0]
    assert "BIND_NOW" in shown[0]
    assert "__stack_chk_fail" in shown[1]

# SPDX-License-Identifier: Apache-2.0
"""Detect whether CUDA works on this machine, without output to stderr.

onnxruntime lists its CUDA provider wherever the package is installed, and prints errors if a session requests it and it
does not work. The driver, a device and the provider's own libraries are therefore checked first.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import sys
from pathlib import Path

import onnxruntime as ort

__all__ = ["cuda_unavailable"]


@functools.cache
def cuda_unavailable() -> str | None:
    """The reason why CUDA cannot be used, with a remedy; None if it can."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return "this onnxruntime has no CUDA provider; install onnxruntime-gpu in its place."
    devices = _device_count()
    if devices is None:
        return "the NVIDIA driver (libcuda) is not installed; install it."
    if devices == 0:
        return "the NVIDIA driver finds no GPU; check `nvidia-smi` and CUDA_VISIBLE_DEVICES."
    missing = _missing_library()
    if missing is not None:
        return (
            f"onnxruntime's CUDA provider does not load ({missing}); `pip install 'snncc[cuda]'` brings what it needs."
        )
    return None


def _device_count() -> int | None:
    """The number of GPUs that the driver sees, None without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def _missing_library() -> str | None:
    """The library that is missing when the CUDA provider is loaded."""
    _load_pip_libraries()
    folder = Path(ort.__file__).parent / "capi"
    try:
        for name in ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"):
            if (folder / name).is_file():
                ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return None


def _load_pip_libraries() -> None:
    """Load the CUDA libraries that pip installed, like `onnxruntime.preload_dlls`, but without its printed messages.

    A library that needs another one loads after it, so that rounds go on while any loads.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    waiting = [file for folder in folders for file in sorted(folder.glob("*/lib/lib*.so.*"))]
    while waiting:
        missing = [file for file in waiting if not _loads(file)]
        if len(missing) == len(waiting):
            return
        waiting = missing


def _loads(file: Path) -> bool:
    try:
        ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""Path of the native op library, to be registered in onnxruntime from any language."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from snncc.errors import RuntimeLibraryError

__all__ = ["get_library_path"]

# What CMake calls a module on Linux and macOS, and on Windows.
_FILES = ("libsnncc_ops.so", "snncc_ops.dll")


def get_library_path() -> Path:
    """The library's file, to be given to `SessionOptions.register_custom_ops_library`.

    Raises:
        RuntimeLibraryError: This installation has no library.
    """
    # Not next to __file__: in an editable install sources are in the checkout, built files in site-packages.
    package = resources.files("snncc.runtime")
    for name in _FILES:
        file = package.joinpath(name)
        if file.is_file():
            return Path(str(file))
    raise RuntimeLibraryError(
        f"snncc's native library ({_FILES[0]}) is not in {package}; build it by installing snncc: "
        "`pip install .`, or `pip install -e .` for work on snncc itself. "
        "Without it, converted models still run in plain onnxruntime, slower."
    )

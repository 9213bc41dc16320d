# SPDX-License-Identifier: Apache-2.0
"""The version, from the metadata of the installed package, which pyproject.toml defines."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]

try:
    VERSION = version("snncc")
except PackageNotFoundError:  # a source tree that was never installed
    VERSION = "0+unknown"

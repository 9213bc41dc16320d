# SPDX-License-Identifier: Apache-2.0
"""The version, from the installed package's own metadata: pyproject.toml is the one place that states it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]

try:
    VERSION = version("snncc")
except PackageNotFoundError:  # a source tree that was never installed
    VERSION = "0+unknown"

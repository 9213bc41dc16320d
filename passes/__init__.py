# SPDX-License-Identifier: Apache-2.0
"""Graph rewrites, one pass per file; `pipeline` lists them in order."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from snncc.passes.base import NodePass, Pass
from snncc.passes.manager import PassManager

__all__ = ["NodePass", "Pass", "PassManager"]


def __getattr__(name: str) -> Any:
    if name == "pipeline":  # not before it is wanted: it imports every pass
        return import_module("snncc.passes.pipeline")
    raise AttributeError(f"module 'snncc.passes' has no attribute '{name}'")

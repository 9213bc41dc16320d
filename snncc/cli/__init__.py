# SPDX-License-Identifier: Apache-2.0
"""The `snncc` command: options in, one library call, tables or JSON out."""

from __future__ import annotations

from snncc.cli.main import main

__all__ = ["main"]

# SPDX-License-Identifier: Apache-2.0
"""Converted networks in the formats of neuromorphic tools."""

from __future__ import annotations

from snncc.tools.exporters.nir import FORMATS, export

__all__ = ["FORMATS", "export"]

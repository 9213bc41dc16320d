# SPDX-License-Identifier: Apache-2.0
"""Converted networks in the formats of neuromorphic tools."""

from __future__ import annotations

from snncc.neuromorphic.export import FORMATS, export

__all__ = ["FORMATS", "export"]

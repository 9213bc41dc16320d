# SPDX-License-Identifier: Apache-2.0
"""The figures, one per file: computation of the data in numpy, and drawing."""

from __future__ import annotations

__all__: list[str] = []

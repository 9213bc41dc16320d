# SPDX-License-Identifier: Apache-2.0
"""One figure a file: its data, in numpy alone, and how it is drawn."""

from __future__ import annotations

__all__: list[str] = []

# SPDX-License-Identifier: Apache-2.0
"""HTML page with figures of a spiking network and its ANN; needs the extra `report` (matplotlib, jinja2)."""

from __future__ import annotations

from snncc.tools.report.build import Report, report

__all__ = ["Report", "report"]

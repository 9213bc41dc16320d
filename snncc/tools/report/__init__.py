# SPDX-License-Identifier: Apache-2.0
"""A page with pictures of a spiking network beside its ANN; needs the extra `report` (matplotlib, jinja2)."""

from __future__ import annotations

from snncc.tools.report.build import Report, report

__all__ = ["Report", "report"]

# SPDX-License-Identifier: Apache-2.0
"""Sweeps: evaluate a grid of models, codings and options over shards of the data; resumable."""

from __future__ import annotations

from snncc.tools.sweep.driver import sweep
from snncc.tools.sweep.plan import Plan, read_plan
from snncc.tools.sweep.results import Table

__all__ = ["Plan", "Table", "read_plan", "sweep"]

# SPDX-License-Identifier: Apache-2.0
"""The tables of the papers: the published figures, and the same measured on other networks."""

from __future__ import annotations

from snncc.tools.paper_tables.definition import PAPERS, Definition, Paper, read_paper
from snncc.tools.paper_tables.fill import fill
from snncc.tools.paper_tables.subject import Subject, read_subjects

__all__ = ["PAPERS", "Definition", "Paper", "Subject", "fill", "read_paper", "read_subjects"]

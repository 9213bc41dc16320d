# SPDX-License-Identifier: Apache-2.0
"""The codings: one file each, with its parameters and how a ReLU lowers to its neuron."""

from __future__ import annotations

from snncc.coding.base import Coding
from snncc.coding.phase import Phase

__all__ = ["CODINGS", "Coding", "Phase"]

CODINGS: dict[str, type[Coding]] = {Phase.name: Phase}

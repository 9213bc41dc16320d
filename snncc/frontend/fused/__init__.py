# SPDX-License-Identifier: Apache-2.0
"""Ops that onnxruntime writes into the models it saves, spelled out in standard ones."""

from __future__ import annotations

from snncc.frontend.fused.domains import with_domains
from snncc.frontend.fused.unfuse import unfused

__all__ = ["unfused", "with_domains"]

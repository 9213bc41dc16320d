# SPDX-License-Identifier: Apache-2.0
"""Expand the ops that onnxruntime writes into saved models to standard ops."""

from __future__ import annotations

from snncc.frontend.fused.domains import with_domains
from snncc.frontend.fused.unfuse import unfused

__all__ = ["unfused", "with_domains"]

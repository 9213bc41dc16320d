# SPDX-License-Identifier: Apache-2.0
"""The ops of domain `ai.snncc`. Importing this package registers their schemas with onnx, and nothing else."""

from __future__ import annotations

from snncc.ops import multi_spike, one_spike
from snncc.ops.registry import DOMAIN, OPSET, Attribute, OpDef, Parameter, all_ops, get

__all__ = ["DOMAIN", "OPSET", "Attribute", "OpDef", "Parameter", "all_ops", "get", "multi_spike", "one_spike"]

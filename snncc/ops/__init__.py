# SPDX-License-Identifier: Apache-2.0
"""The ops of domain `ai.snncc`. Importing this package registers their schemas with onnx, and nothing else."""

from __future__ import annotations

from snncc.ops import aggregate, few_spikes, integrate, msat, multi_spike, one_spike, running, stepping, wait
from snncc.ops.registry import DOMAIN, OPSET, Attribute, OpDef, Parameter, all_ops, get

__all__ = [
    "DOMAIN",
    "OPSET",
    "Attribute",
    "OpDef",
    "Parameter",
    "aggregate",
    "all_ops",
    "few_spikes",
    "get",
    "integrate",
    "msat",
    "multi_spike",
    "one_spike",
    "running",
    "stepping",
    "wait",
]

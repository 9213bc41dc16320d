# SPDX-License-Identifier: Apache-2.0
"""The ops of domain `ai.snncc`. Importing this package registers their schemas with onnx."""

from __future__ import annotations

from snncc.ops import (  # isort: skip  (the order of registration)
    aggregate,
    few_spikes,
    integrate_and_fire,
    msat,
    phase,
    one_spike,
    coarse_fine,
    temporal_sums,
    single_step,
    early_firing,
    differential,
)
from snncc.ops.registry import DOMAIN, OPSET, Attribute, OpDef, Parameter, all_ops, get

__all__ = [
    "DOMAIN",
    "OPSET",
    "Attribute",
    "OpDef",
    "Parameter",
    "aggregate",
    "all_ops",
    "coarse_fine",
    "differential",
    "early_firing",
    "few_spikes",
    "get",
    "integrate_and_fire",
    "msat",
    "one_spike",
    "phase",
    "single_step",
    "temporal_sums",
]

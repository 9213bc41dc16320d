# SPDX-License-Identifier: Apache-2.0
"""The gates of recurrent layers as few-spikes neurons: tables for their activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import helper

from snncc.coding import FS
from snncc.coding.fs_tables.neuron import NEVER
from snncc.coding.fs_tables.tables import ready, table
from snncc.ops import DOMAIN
from snncc.passes.lower.recurrent_body import Body

__all__ = ["gate_tables", "neuron"]

# A gate's table covers a wider range than the calibrated one.
_HEADROOM = 1.25


def gate_tables(activation: str, steps: int, length: int, bound: float | None, seen: float | None) -> dict[str, Any]:
    """The attributes of an FSNeuron of `steps` steps; further ones, up to `length`, never fire.

    Args:
        activation: Its name in ONNX.
        steps: Time steps.
        length: Entries of the tables.
        bound: The largest magnitude that its potential may have; None: there is none.
        seen: The largest that calibration has seen; None or 0: it has seen nothing.
    """
    if activation == "Relu":
        tables = FS(K=steps).tables()
    else:
        kind = activation.lower()
        reach = min(np.inf if bound is None else bound, _HEADROOM * seen if seen else np.inf)
        found = ready(kind, steps, -reach, reach) or table(kind, steps)
        tables = found.attributes()
    idle = {"thresholds": NEVER, "resets": 0.0, "values": 0.0}
    return tables | {name: [*tables[name], *[value] * (length - steps)] for name, value in idle.items()}


def neuron(body: Body, tables: Mapping[str, Any], potential: str, scale: float, name: str) -> str:
    """Add an FSNeuron to the step of a layer; returns its output."""
    inputs = [potential, body.weight(f"{name}_scale", [scale], np.float32)]
    outputs = [body.name(name), ""]
    body.nodes.append(helper.make_node("FSNeuron", inputs, outputs, body.name(f"{name}_gate"), domain=DOMAIN, **tables))
    return outputs[0]

# SPDX-License-Identifier: Apache-2.0
"""Provenance of added nodes: the purpose of each, and the source node that it was added for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MESSAGE", "SOURCE", "VALUE", "Provenance", "Role"]

# A neuron at an activation site; one that codes an input or what an analog op computes; a scale of a neuron,
# or what moves it; a constant current that is repeated for each time step; what reads the output; a recurrent layer;
# what divides or multiplies sizes by the number of time steps.
Role = Literal["neuron", "encoder", "factor", "repeat", "readout", "recurrent", "unstack", "stack"]

SOURCE = "input"  # `op` of what an input of the network is the origin of
MESSAGE = "message"  # `op` of neurons that replace no node of the network: they code messages as spikes
VALUE = "value"  # and of those that code what an op computes of values


@dataclass(frozen=True)
class Provenance:
    """The origin of a node.

    Attributes:
        made_for: The node, or the input, that it replaces, codes or scales, by its name at that time.
        origin: The node of the imported network, or its input, that this goes back to.
        op: The op of the origin; `SOURCE`, `MESSAGE` or `VALUE` if it is none.
        role: What it is for, if code asks.
    """

    made_for: str
    origin: str
    op: str
    role: Role | None = None

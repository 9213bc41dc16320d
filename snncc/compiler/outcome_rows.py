# SPDX-License-Identifier: Apache-2.0
"""What a conversion made of a network's nodes, as rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["outcome_rows"]


def outcome_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows (in the network, in the spiking network) of the metadata entry snncc.outcome."""
    lines = [(_of(n["layers"], n["from"]), _of(n["layers"], n["to"])) for n in found["neurons"]]
    lines += [(_of(count, op), "synapses") for op, count in found["synapses"].items()]
    norms, scales = found["batchnorm"], found["scales"]
    if norms["folded"] > 0:
        lines.append((_of(norms["folded"], "BatchNormalization"), f"folded into {norms['into']}"))
    if norms["left"]:
        lines.append((_of(len(norms["left"]), "BatchNormalization"), "stay, as synapses of their own"))
    if scales["absorbed"]:
        lines.append((_of(scales["absorbed"], "scales of neurons"), "absorbed by weights"))
    if scales["left"]:
        lines.append((_of(len(scales["left"]), "scales of neurons"), "stay, as Mul"))
    return lines + [(_of(count, op), "analog islands") for op, count in found["islands"].items()]


def _of(count: int, what: str) -> str:
    return f"{count} {what}"

# SPDX-License-Identifier: Apache-2.0
"""A coding in a few words: its letters, and whatever else is not at its default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from snncc.coding.base import Coding
from snncc.coding.msat import MSAT
from snncc.ops.msat import PRESETS

__all__ = ["label"]

_ALWAYS = ("T", "K", "Q")
_EARLY = ("early", "confidence_layers", "seed")  # nothing without spike confidence


def label(coding: Coding) -> str:
    """For example `phase T=24 Q=1.2 wait=12`."""
    return " ".join((coding.name, *_told(coding)))


def _told(coding: Coding) -> Iterator[str]:
    defaults = {f.name: f.default for f in fields(coding)}  # type: ignore[arg-type]
    if isinstance(coding, MSAT):
        defaults |= PRESETS[coding.preset]
        if coding.confidence is None:
            defaults |= {name: getattr(coding, name) for name in _EARLY}
    for name, default in defaults.items():
        value = getattr(coding, name)
        if name in _ALWAYS or value != default:
            yield _setting(name, value)


def _setting(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"

# SPDX-License-Identifier: Apache-2.0
"""Short label of a coding: its abbreviation, and the parameters that differ from their defaults."""

from __future__ import annotations

from dataclasses import fields

from snncc.coding.base import Coding

__all__ = ["label"]


def label(coding: Coding, *, base: bool = True) -> str:
    """The label, for example `phase T=24 Q=1.2 wait=12`; without `base` for layers with levels that are no powers."""
    always = (coding.steps_field, coding.base_field)
    usual = {f.name: f.default for f in fields(coding)} | coding.usual_values()  # type: ignore[arg-type]
    own = {name: getattr(coding, name) for name in usual if base or name != coding.base_field}
    return " ".join((coding.name, *(_setting(n, v) for n, v in own.items() if n in always or v != usual[n])))


def _setting(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"

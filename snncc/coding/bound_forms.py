# SPDX-License-Identifier: Apache-2.0
"""Choose how neurons realise each bound of a network, by the values that reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BoundForm", "Forms", "excesses", "form_of", "words_of"]


@dataclass(frozen=True)
class BoundForm:
    """How neurons realise one bound.

    Attributes:
        keeps: Values pass unchanged, and neurons code by how much they exceed bounds; else neurons code the values.
            Of a Max or Min of two activations: the first of them passes, else the second.
        no_low: The lower bound is left out: values stay far above it.
        no_high: Likewise the upper bound.
    """

    keeps: bool = False
    no_low: bool = False
    no_high: bool = False


Forms = Mapping[str, BoundForm]  # by the name of the (last) node that bounds


def excesses(forms: Forms) -> set[str]:
    """The names of the ReLUs that code by how much values exceed bounds, where values inside pass unchanged."""
    return {f"{name}_{side}" for name, form in forms.items() if form.keeps for side in ("under", "over")}


def words_of(form: BoundForm) -> list[str]:
    """The form as JSON values, for the metadata."""
    return [name for name in BoundForm.__dataclass_fields__ if getattr(form, name)]


def form_of(words: Any) -> BoundForm:
    """The form from such JSON values; missing and unknown entries are false."""
    said = words if isinstance(words, list) else []
    return BoundForm(**{name: name in said for name in BoundForm.__dataclass_fields__})

# SPDX-License-Identifier: Apache-2.0
"""The codings, one per file: parameters, and how a ReLU is lowered to a neuron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snncc.coding.base import Coding
from snncc.coding.differential import Differential
from snncc.coding.few_spikes import FS
from snncc.coding.msat import MSAT
from snncc.coding.phase import Phase
from snncc.coding.rate import Rate
from snncc.coding.registry import Codings

__all__ = ["CODINGS", "FS", "MSAT", "Coding", "Differential", "Phase", "Rate", "coding_of"]

CODINGS = Codings(Phase, FS, Rate, MSAT, Differential)


def coding_of(parameters: Mapping[str, Any]) -> Coding:
    """The coding with the given `Coding.parameters`.

    Raises:
        OptionError, KeyError, TypeError: they are those of none.
    """
    return CODINGS[parameters["name"]](**{key: value for key, value in parameters.items() if key != "name"})

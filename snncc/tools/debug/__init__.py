# SPDX-License-Identifier: Apache-2.0
"""Locate errors of a conversion: the layers that add the error, and the smallest graph that shows a fault."""

from __future__ import annotations

from snncc.tools.debug.layer_errors import LayerError, LayerErrors
from snncc.tools.debug.layers import debug_layers
from snncc.tools.debug.reduce import Reduction, reduce_model

__all__ = ["LayerError", "LayerErrors", "Reduction", "debug_layers", "reduce_model"]

# SPDX-License-Identifier: Apache-2.0
"""Where it goes wrong: which layers of a spiking network add the error, and the smallest graph that shows a fault."""

from __future__ import annotations

from snncc.debugging.layer_errors import LayerError, LayerErrors
from snncc.debugging.layers import debug_layers
from snncc.debugging.reduce import Reduction, reduce_model

__all__ = ["LayerError", "LayerErrors", "Reduction", "debug_layers", "reduce_model"]

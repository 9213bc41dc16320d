# SPDX-License-Identifier: Apache-2.0
"""snncc compiles a trained ReLU network, given as ONNX, into a spiking network, given as ONNX."""

from __future__ import annotations

from snncc.coding import Phase
from snncc.convert import convert
from snncc.errors import SnnccError
from snncc.evaluate import evaluate
from snncc.version import VERSION as __version__

__all__ = ["Phase", "SnnccError", "__version__", "convert", "evaluate"]

# SPDX-License-Identifier: Apache-2.0
"""snncc compiles a trained ReLU network, given as ONNX, into a spiking network, given as ONNX."""

from __future__ import annotations

from snncc.coding import FS, MSAT, Phase, Rate
from snncc.compare import compare
from snncc.convert import convert
from snncc.debugging import debug_layers
from snncc.errors import SnnccError
from snncc.evaluate import evaluate
from snncc.streaming import Stream
from snncc.trains import spike_trains
from snncc.tune import tune
from snncc.tuning.ladder import convert_within
from snncc.version import VERSION as __version__

__all__ = [
    "FS",
    "MSAT",
    "Phase",
    "Rate",
    "SnnccError",
    "Stream",
    "__version__",
    "compare",
    "convert",
    "convert_within",
    "debug_layers",
    "evaluate",
    "spike_trains",
    "tune",
]

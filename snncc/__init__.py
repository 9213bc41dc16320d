# SPDX-License-Identifier: Apache-2.0
"""snncc compiles a trained ReLU network, given as ONNX, into a spiking network, given as ONNX."""

from __future__ import annotations

from snncc.coding import FS, MSAT, Phase, Rate
from snncc.compiler.convert import convert, tune
from snncc.errors import SnnccError
from snncc.evaluation.evaluate import evaluate
from snncc.execution.spike_trains import spike_trains
from snncc.execution.stream import Stream
from snncc.tools.accuracy_budget import convert_within
from snncc.tools.compare import compare
from snncc.tools.debug import debug_layers
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

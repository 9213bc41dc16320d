# SPDX-License-Identifier: Apache-2.0
"""snncc compiles a trained ReLU network, given as ONNX, into a spiking network, given as ONNX.

Names are resolved when they are first used, so that `import snncc` loads neither the compiler nor the evaluation.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snncc import runtime
    from snncc.coding import FS, MSAT, Differential, Phase, Rate
    from snncc.compiler.convert import convert, tune
    from snncc.errors import SnnccError
    from snncc.evaluation.evaluate import evaluate
    from snncc.execution.spike_trains.record import spike_trains
    from snncc.execution.spike_trains.replay import replay
    from snncc.execution.stream import Stream
    from snncc.io.preprocess import Preprocess
    from snncc.tools.accuracy_budget import convert_within
    from snncc.tools.check.run import run_checks
    from snncc.tools.compare import compare
    from snncc.tools.debug import debug_layers
    from snncc.tools.report import report
    from snncc.tools.sweep import sweep
    from snncc.version import VERSION as __version__

__all__ = [
    "FS",
    "MSAT",
    "Differential",
    "Phase",
    "Preprocess",
    "Rate",
    "SnnccError",
    "Stream",
    "__version__",
    "compare",
    "convert",
    "convert_within",
    "debug_layers",
    "evaluate",
    "replay",
    "report",
    "run_checks",
    "runtime",
    "spike_trains",
    "sweep",
    "tune",
]

# Public name -> the module that has it.
_HOMES = {
    "Differential": "snncc.coding",
    "FS": "snncc.coding",
    "MSAT": "snncc.coding",
    "Phase": "snncc.coding",
    "Preprocess": "snncc.io.preprocess",
    "Rate": "snncc.coding",
    "SnnccError": "snncc.errors",
    "Stream": "snncc.execution.stream",
    "compare": "snncc.tools.compare",
    "convert": "snncc.compiler.convert",
    "convert_within": "snncc.tools.accuracy_budget",
    "debug_layers": "snncc.tools.debug",
    "evaluate": "snncc.evaluation.evaluate",
    "replay": "snncc.execution.spike_trains.replay",
    "report": "snncc.tools.report",
    "run_checks": "snncc.tools.check.run",
    "spike_trains": "snncc.execution.spike_trains.record",
    "sweep": "snncc.tools.sweep",
    "tune": "snncc.compiler.convert",
}
_MODULES = frozenset({"coding", "errors", "models", "ops", "passes", "runtime"})


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name == "__version__":
        value = import_module("snncc.version").VERSION
    elif name in _MODULES:
        value = import_module(f"snncc.{name}")
    else:
        raise AttributeError(f"module 'snncc' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})

# SPDX-License-Identifier: Apache-2.0
"""Converts with the levels and the scale of each layer that leave the least error in the network's output."""

from __future__ import annotations

from typing import Any

import onnx

from snncc.coding import Coding
from snncc.compiler.convert import convert
from snncc.io.batches import Samples
from snncc.io.model_reader import Source

__all__ = ["tune"]


def tune(model: Source, coding: Coding, *, calibration: Samples, **options: Any) -> onnx.ModelProto:
    """Turn a ReLU network into a spiking one whose layers are tuned to `coding` and its time steps.

    Layer by layer, with exact activations everywhere else, the levels (phase coding) and the scale are taken that
    leave the least squared error in the outputs; then the network tuned so is compared with the untuned one, all layers
    spiking, and the better one is the result. Labels are not used; the same inputs give the same network. The metadata
    entry `snncc.tuning` says what was chosen, and the errors.

    Args:
        model, coding, calibration, options: As for `snncc.convert`.

    Raises:
        SnnccError: whatever cannot be converted, or has nothing to tune.
    """
    return convert(model, coding, calibration=calibration, tune=True, **options)

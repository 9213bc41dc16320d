# SPDX-License-Identifier: Apache-2.0
"""Check that a model computes the same with the native kernels as with its portable function bodies.

Above the EXTENDED level onnxruntime fuses convolutions depending on the ops after them. This changes the order of sums
and moves spikes near a threshold, without a difference between kernel and body.
"""

from __future__ import annotations

from typing import Any

import onnx
import onnxruntime as ort

from snncc.analysis.cpu_session import ORT_ERRORS
from snncc.errors import ModelError
from snncc.execution.stream import Stream, is_single_step
from snncc.io.batches import Batch
from snncc.io.opening import openable

__all__ = ["differing_outputs"]


def differing_outputs(model: onnx.ModelProto, sample: Batch) -> tuple[int, int]:
    """(Number of differing output values, number of output values) for one batch on the CPU, at every call of a
    single-step model.

    Raises:
        ModelError: onnxruntime cannot run the model.
        RuntimeLibraryError: the native library is missing or does not load.
    """
    from snncc.runtime import create_session

    try:  # one session at a time, since each holds the weights
        body = _outputs(model, _with_bodies(model), sample)
        kernel = _outputs(model, create_session(model, device="cpu", options=_options()), sample)
    except ORT_ERRORS as error:
        raise ModelError(f"onnxruntime cannot run the model ({error}). Convert the source model again.") from error
    same = sum(int(((a == b) | ((a != a) & (b != b))).sum()) for a, b in zip(body, kernel, strict=True))
    values = sum(a.size for a in body)
    return values - same, values


def _outputs(model: onnx.ModelProto, session: ort.InferenceSession, sample: Batch) -> list[Any]:
    if not is_single_step(model):
        found: list[Any] = session.run(None, sample)
        return found
    stream = Stream(model, session=session)
    stream.start(sample)
    return [value for outputs in stream for value in outputs.values()]


def _with_bodies(model: onnx.ModelProto) -> ort.InferenceSession:
    plain = _options()
    plain.log_severity_level = 3
    with openable(model, plain) as source:
        return ort.InferenceSession(source, plain, providers=["CPUExecutionProvider"])


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as `create_session` has it: int8 weights
    return options

# SPDX-License-Identifier: Apache-2.0
"""Plain onnxruntime sessions on the CPU, for what the compiler itself has to compute; nothing of snncc's runtime."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnxruntime as ort

__all__ = ["cpu_session"]

_FATAL = 4


def cpu_session(model: onnx.ModelProto, outputs: Sequence[str] | None = None) -> ort.InferenceSession:
    """A session for `model` that puts out the named tensors, by default its own outputs; logs nothing.

    The model's own errors come as onnxruntime raises them.
    """
    if outputs is not None:
        probed = onnx.ModelProto()
        probed.CopyFrom(model)
        del probed.graph.output[:]
        probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        model = probed
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

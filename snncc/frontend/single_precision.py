# SPDX-License-Identifier: Apache-2.0
"""float64 -> float32 where onnxruntime has no float64 kernels: Conv and similar ops on the CPU.

Inputs and outputs keep their type, with a Cast after each input, and one before each output.
"""

from __future__ import annotations

import logging

import numpy as np
from onnxruntime.capi import onnxruntime_pybind11_state as raised

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.ir.graph import Graph, Tensor
from snncc.passes.canonicalise.unify_float_type import in_type

__all__ = ["in_single_precision"]

log = logging.getLogger("snncc")

_DOUBLE, _SINGLE = np.dtype(np.float64), np.dtype(np.float32)


def in_single_precision(graph: Graph, name: str) -> None:
    """Convert a float64 network that onnxruntime cannot run to float32, with a log message."""
    inputs = [t for t in graph.inputs if np.dtype(t.dtype) == _DOUBLE]
    if not inputs or _runs(graph):
        return
    log.warning("%s: computed in float32, since onnxruntime has no kernels of its ops for float64", name)
    in_type(graph, _SINGLE)
    for tensor in inputs:
        _cast(graph, tensor)
    graph.infer_shapes()


def _runs(graph: Graph) -> bool:
    """Whether there is a kernel for each op; other errors are detected elsewhere."""
    try:
        cpu_session(graph.to_proto())
    except raised.NotImplemented:
        return False
    except ORT_ERRORS:
        return True
    return True


def _cast(graph: Graph, tensor: Tensor) -> None:
    users = graph.users(tensor)
    cast = graph.add("Cast", [tensor], name=f"{tensor.name}_single", attrs={"to": 1})
    cast.dtype = _SINGLE
    graph.replace_uses(tensor, cast, keep=[n for n in graph.users(tensor) if n not in users], outputs=False)

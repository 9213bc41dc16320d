# SPDX-License-Identifier: Apache-2.0
"""onnxruntime CPU sessions for the computations of the compiler itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar

import onnx
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as raised

from snncc.errors import ModelError, RuntimeLibraryError
from snncc.io.opening import openable
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.nodes import all_nodes
from snncc.ops import DOMAIN

__all__ = ["ORT_ERRORS", "cpu_session", "must_run", "session_options", "threads"]

ORT_ERRORS: tuple[type[Exception], ...] = (
    raised.EPFail,
    raised.Fail,
    raised.InvalidArgument,
    raised.InvalidGraph,
    raised.InvalidProtobuf,
    raised.NotImplemented,
    raised.RuntimeException,
)

_FATAL = 4
_threads: ContextVar[int] = ContextVar("snncc_threads", default=0)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set the number of threads of sessions that `cpu_session` opens, or that use `session_options`, to `count`."""
    token = _threads.set(count)
    try:
        yield
    finally:
        _threads.reset(token)


def session_options() -> ort.SessionOptions:
    """Options as those of `snncc.runtime.create_session`, with as many threads as are allowed here."""
    options = ort.SessionOptions()
    options.enable_mem_pattern = False
    options.intra_op_num_threads = _threads.get()
    return options


def cpu_session(model: onnx.ModelProto, outputs: Sequence[str] | None = None) -> ort.InferenceSession:
    """A session for `model` that returns the named tensors, by default its own outputs; logs nothing.

    Neurons run in the native library, or where that is missing by their function bodies: slower, with the same spikes.
    The model's own errors come as onnxruntime raises them.
    """
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = _threads.get()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # runs are short, with work between them
    ours = any(node.domain == DOMAIN for node in all_nodes(model.graph))
    if ours:
        _register_library(options)

    def edited(copy: onnx.ModelProto) -> None:
        if outputs is not None:
            del copy.graph.output[:]
            copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        if ours and not any(function.domain == DOMAIN for function in copy.functions):
            attach_bodies(copy)

    with openable(model, options, edited, reset=False) as source:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _register_library(options: ort.SessionOptions) -> None:
    from snncc.io.native_library import get_library_path

    with suppress(RuntimeLibraryError):
        options.register_custom_ops_library(str(get_library_path()))


@contextmanager
def must_run(what: str) -> Iterator[None]:
    """Convert onnxruntime's errors to a ModelError which states that `what` does not run."""
    try:
        yield
    except ORT_ERRORS as error:
        reason = str(error).splitlines()[0].removeprefix("[ONNXRuntimeError] : ")
        remedy = "Does the source model itself run there? If it does, please report this."
        raise ModelError(f"{what} does not run in onnxruntime {ort.__version__} ({reason}). {remedy}") from error

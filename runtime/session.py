# SPDX-License-Identifier: Apache-2.0
"""Open a model in onnxruntime with the native neuron kernels registered."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as states

from snncc.errors import ModelError, OptionError, RuntimeLibraryError
from snncc.io.model_reader import opens_alone, read_model, refuse_external
from snncc.io.native_library import get_library_path
from snncc.io.opening import openable
from snncc.ops import DOMAIN, OPSET
from snncc.runtime.devices import cuda_unavailable

__all__ = ["create_session"]

log = logging.getLogger("snncc.runtime")

_ORT_ERRORS = (
    states.EPFail,
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NoSuchFile,
    states.NotImplemented,
    states.RuntimeException,
)
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
# TF32 has 10 bits of mantissa: potentials would miss their thresholds.
_CUDA_OPTIONS = {"use_tf32": "0"}
# Else DequantizeLinear is kept for integer kernels, which no synapse of ours uses.
_NO_INTEGERS = "session.disable_quant_qdq"


def create_session(
    model: Path | str | bytes | onnx.ModelProto,
    *,
    device: str = "auto",
    options: ort.SessionOptions | None = None,
    kernels: bool = True,
) -> ort.InferenceSession:
    """Open `model` with snncc's kernels.

    Args:
        model: A file, the bytes of one, or the model itself, of any size.
        device: "cpu", "cuda", or "auto": CUDA if it works here, else the CPU.
        options: onnxruntime's own options; the library is registered with them, if it is not yet.
        kernels: If false, neurons run by their function bodies in standard ops, for comparison.

    Raises:
        ModelError: onnxruntime cannot load the model.
        RuntimeLibraryError: The native library is missing, or CUDA was requested and does not work.
    """
    providers, reused = _providers(device), options is not None
    options = _with_library(options) if kernels else options or _default_options()
    _fold_weights(options)
    with _openable(model, options, reset=reused) as (source, name):
        session = _open(source, name, options, providers, device)
    if device == "cuda" and session.get_providers()[0] != _CUDA:
        raise RuntimeLibraryError(
            f"CUDA did not start for {name}: onnxruntime fell back to {session.get_providers()[0]}; "
            "its messages on stderr say why. Use device='cpu', or 'auto'."
        )
    return session


def _providers(device: str) -> list[Any]:
    if device not in ("auto", "cpu", "cuda"):
        raise OptionError(f"device is '{device}'; it must be 'auto', 'cpu' or 'cuda'")
    reason = None if device == "cpu" else cuda_unavailable()
    if device == "cuda" and reason is not None:
        raise RuntimeLibraryError(f"CUDA does not work here: {reason} Or use device='cpu', or 'auto'.")
    if device == "cpu" or reason is not None:
        return [_CPU]
    return [(_CUDA, _CUDA_OPTIONS), _CPU]


def _default_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    # A plan of all tensors' places for every batch size seen: over time steps it doubled the memory, and saved no time.
    options.enable_mem_pattern = False
    return options


def _fold_weights(options: ort.SessionOptions) -> None:
    """Dequantise int8 weights at loading, not in every run, unless `options` disable this."""
    try:
        options.get_session_config_entry(_NO_INTEGERS)
    except RuntimeError:
        options.add_session_config_entry(_NO_INTEGERS, "1")


def _with_library(options: ort.SessionOptions | None) -> ort.SessionOptions:
    library = str(get_library_path())
    if options is not None and _has_library(options):
        return options  # onnxruntime refuses a domain that is registered twice
    options = _default_options() if options is None else options
    try:
        options.register_custom_ops_library(library)
    except _ORT_ERRORS as error:
        raise RuntimeLibraryError(
            f"onnxruntime {ort.__version__} cannot load {library}: {error}. Reinstall snncc to build it anew."
        ) from error
    return options


def _has_library(options: ort.SessionOptions) -> bool:
    """Whether a node of the library loads with these options; onnxruntime has no query for this."""
    shape = onnx.helper.make_tensor_value_info
    inputs = [shape("X", onnx.TensorProto.FLOAT, [1]), shape("scale", onnx.TensorProto.FLOAT, [1])]
    node = onnx.helper.make_node(
        "OneSpikeNeuron", ["X", "scale"], ["Y", ""], domain=DOMAIN, levels=[1.0], thresholds=[1.0]
    )
    graph = onnx.helper.make_graph([node], "probe", inputs, [shape("Y", onnx.TensorProto.FLOAT, [1])])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid(DOMAIN, OPSET)]
    probe = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    with _unrecorded(options):
        try:
            ort.InferenceSession(probe.SerializeToString(), options, providers=[_CPU])
        except _ORT_ERRORS:
            return False
    return True


@contextlib.contextmanager
def _unrecorded(options: ort.SessionOptions) -> Iterator[None]:
    """Without the files that a session may leave, and without its log."""
    settings = {"enable_profiling": False, "optimized_model_filepath": "", "log_severity_level": 4}
    before = {name: getattr(options, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(options, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(options, name, value)


@contextlib.contextmanager
def _openable(
    model: Path | str | bytes | onnx.ModelProto, options: ort.SessionOptions, *, reset: bool
) -> Iterator[tuple[str | bytes, str]]:
    """The model in a form that onnxruntime opens, and its name in messages; `reset`: as for `openable`."""
    if isinstance(model, bytes):
        name = "the model given as bytes"
        refuse_external(model, name)
        yield model, name
    elif isinstance(model, onnx.ModelProto):
        name = f"the model '{model.graph.name}'"
        refuse_external(model, name)
        with openable(model, options, reset=reset) as source:
            yield source, name
    else:
        path = Path(model)
        if not path.is_file():
            raise ModelError(f"{path} is {'a folder' if path.is_dir() else 'not there'}; give the path of an ONNX file")
        if opens_alone(path):
            yield str(path), str(path)
        else:  # in folders that are trusted here, but not by onnxruntime
            with _openable(read_model(path), options, reset=reset) as (source, _):
                yield source, str(path)


def _open(
    source: str | bytes, name: str, options: ort.SessionOptions, providers: list[Any], device: str
) -> ort.InferenceSession:
    """A session; onnxruntime's own retry on other providers is off, since it prints to stdout."""
    try:
        return ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
    except _ORT_ERRORS as error:
        if providers != [_CPU] and device == "auto":
            log.warning("%s: CUDA did not start, so that the CPU runs it: %s", name, error)
            return _open(source, name, options, [_CPU], device)
        if isinstance(error, states.EPFail):
            raise RuntimeLibraryError(
                f"CUDA did not start for {name}: {error}. Use device='cpu', or 'auto'."
            ) from error
        message = str(error)
        if "protobuf" in message.lower():
            advice = "It is no ONNX file, or a damaged one; export or download it again."
        else:
            advice = "`snncc inspect` shows what is in it."
        raise ModelError(f"onnxruntime cannot load {name}: {message}. {advice}") from error

# SPDX-License-Identifier: Apache-2.0
"""From a model as some exporter wrote it to a Graph that passes understand.

Brought to a current opset, local functions inlined, constant shape arithmetic folded, batch axis made dynamic where the
graph allows it, and every node that cannot be converted reported at once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import onnx.inliner
from onnx import helper, version_converter

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.errors import ModelError, enough_memory, in_words
from snncc.frontend.branches import refuse_branches, without_branches
from snncc.frontend.canonical_recurrent import tidy_recurrent
from snncc.frontend.dequantise import dequantised, refuse_quantised
from snncc.frontend.dynamic_batch import make_batch_dynamic
from snncc.frontend.fused import unfused, with_domains
from snncc.frontend.legality import (
    refuse_inputs,
    refuse_ours,
    refuse_training,
    refuse_types,
    refuse_unshaped,
    refuse_unsupported,
    refuse_untyped,
    refuse_weights,
)
from snncc.frontend.old_norms import by_channel
from snncc.frontend.plain_types import checkable, with_plain_types
from snncc.frontend.single_precision import in_single_precision
from snncc.frontend.static_shapes import make_shapes_static
from snncc.frontend.well_formed import refuse_malformed
from snncc.io.large_models import outline, with_weights_of
from snncc.io.model_reader import Source, check_weights, model_name, read_model, with_dense_weights
from snncc.ir.graph import Graph
from snncc.ir.scopes import reads
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import canonicalisation

__all__ = ["OPSET", "import_model"]

OPSET = 21  # converted models import at least this one; onnxruntime 1.18 and later know it
_IR_VERSION = 10


@enough_memory("reading the model")
def import_model(source: Source, name: str | None = None) -> Graph:
    """Read `source`, which messages call `name`, and prepare it for the passes.

    Raises:
        ModelError: the model cannot be read, is invalid, or has weights that are not finite.
        UnsupportedOpError: lists every node that cannot be converted.
    """
    name = name or model_name(source)
    model = read_model(source)
    refuse_ours(model, name)
    check_weights(model, name)
    refuse_malformed(model, name)
    model = without_branches(_without_functions(model, name))
    refuse_branches(model, name)
    model = with_plain_types(with_domains(with_dense_weights(model, name)))
    model = dequantised(model, name)
    refuse_quantised(model, name)
    model = _modernise(model, name)
    refuse_types(model, name)
    model = make_batch_dynamic(tidy_recurrent(model))
    graph = Graph.from_proto(_with_plain_constants(model))
    graph.fold_constants()
    try:
        graph.infer_shapes()
        refuse_untyped(graph, name)
        by_channel(graph)
        make_shapes_static(graph)
        PassManager(canonicalisation()).run(graph)
        in_single_precision(graph, name)
        graph = graph.copy()  # the names of what is gone are free, as they are in any copy that is compared with it
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{name}: shapes do not fit together ({in_words(error)}). Export the model again.") from error
    refuse_unsupported(graph, name)
    refuse_inputs(graph, name)
    refuse_weights(graph, name)
    return graph


def _modernise(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`model` at a current opset, its nodes named, its inputs those of the network alone."""
    weights = {t.name for t in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if not inputs:
        raise ModelError(f"{name}: the network has no input. Export it with its input as a graph input.")
    refuse_unshaped(model, name)
    version = next((o.version for o in model.opset_import if o.domain == ""), None)
    if version is None or version < 7:
        given = "no ONNX opset is stated" if version is None else f"opset {version} is older than 7"
        raise ModelError(f"{name}: {given}. Export the model again with opset 13 or newer.")
    with _must_be_valid(name):
        _refuse_missing(model, name)
        refuse_training(model, name)
        _name_nodes(model)
        model.ir_version = max(model.ir_version, 4)  # older ones list weights among the inputs
        if version < OPSET or not _runs_opset(version):
            model = _at_opset(model, version, name)
        model = unfused(model, name)
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(checkable(model))
    return model


@contextmanager
def _must_be_valid(name: str) -> Iterator[None]:
    """Turn what onnx says of a model that is not valid into a ModelError."""
    try:
        yield
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"{name}: not a valid ONNX model ({_first_line(error)}). Export the model again.") from error


def _without_functions(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    if not model.functions:
        return model
    with _must_be_valid(name):
        return with_weights_of(onnx.inliner.inline_local_functions(outline(model)), model)


def _with_plain_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants that are given as a number become tensors of the type that ONNX says they have; `model` is changed."""
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name in kinds:
            given = node.attribute[0]
            value = np.asarray(helper.get_attribute_value(given), kinds[given.name])
            node.attribute[0].CopyFrom(helper.make_attribute("value", onnx.numpy_helper.from_array(value)))
    return model


def _refuse_missing(model: onnx.ModelProto, name: str) -> None:
    graph = model.graph
    known = {"", *(i.name for i in graph.input), *(t.name for t in graph.initializer)}
    known |= {out for n in graph.node for out in n.output}
    for node in graph.node:
        for missing in sorted(set(reads(node)) - known):
            message = f"{name}: input '{missing}' of {node.op_type} '{node.name or node.output[0]}' is missing"
            way_out = "Export the model again, with its weights."
            raise ModelError(f"{message}: no weight, node or graph input has that name. {way_out}")
    for output in graph.output:  # onnx's version converter takes that for granted up to 1.22
        if output.name not in known:
            raise ModelError(f"{name}: nothing computes the output '{output.name}'. Export the model again.")


def _name_nodes(model: onnx.ModelProto) -> None:
    """Name unnamed nodes after their output, and give a name that two nodes share (invalid) to the first only."""
    taken = {n.name for n in model.graph.node}
    seen: set[str] = set()
    for node in model.graph.node:
        wanted = name = node.name or next(iter(node.output), node.op_type)
        number = 0
        while name in seen or (number and name in taken):
            number += 1
            name = f"{wanted}_{number}"
        node.name = name
        seen.add(name)


def _at_opset(model: onnx.ModelProto, version: int, name: str) -> onnx.ModelProto:
    try:
        converted = with_weights_of(version_converter.convert_version(outline(model), OPSET), model)
    except (
        RuntimeError,
        version_converter.ConvertError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        reason = _first_line(error).rpartition("failed: ")[2]  # onnx's assertions begin with a path of its own sources
        message = f"{name}: cannot be brought from opset {version} to {OPSET} ({reason})"
        raise ModelError(f"{message}. Export the model again with opset {OPSET}.") from error
    if version < 11:
        _keep_old_coordinates(converted)
    return converted


def _keep_old_coordinates(model: onnx.ModelProto) -> None:
    """Upsample, and Resize up to opset 10, map coordinates the simplest way; the converter leaves them the new one."""
    old = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    for node in model.graph.node:
        if node.op_type == "Resize" and not {a.name for a in node.attribute} & old.keys():
            node.attribute.extend(helper.make_attribute(name, value) for name, value in old.items())


@functools.cache
def _runs_opset(version: int) -> bool:
    """Whether this onnxruntime knows the opset; new ones come out in onnx first."""
    value = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", value[:1], value[1:])
    probe = helper.make_model(graph, ir_version=_IR_VERSION, opset_imports=[helper.make_opsetid("", version)])
    try:
        cpu_session(probe)
    except ORT_ERRORS:
        return False
    return True


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

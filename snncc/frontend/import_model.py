# SPDX-License-Identifier: Apache-2.0
"""Import a model of any exporter as a Graph for the passes.

The model is converted to a current opset, local functions are inlined, constant shape arithmetic is folded, the batch
axis becomes dynamic where the graph allows it, and all unsupported nodes are reported at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import onnx
import onnx.inliner
from onnx import helper

from snncc.analysis.constant_folding import fold_constants
from snncc.errors import enough_memory
from snncc.frontend.branches import refuse_branches, without_branches
from snncc.frontend.canonical_recurrent import tidy_recurrent
from snncc.frontend.checks import (
    check_graph,
    check_model,
    check_signature,
    check_standard,
    must_be_valid,
    shapes_must_fit,
)
from snncc.frontend.dequantise import dequantised, refuse_quantised
from snncc.frontend.dynamic_batch import make_batch_dynamic
from snncc.frontend.fused import unfused, with_domains
from snncc.frontend.legality import refuse_untyped
from snncc.frontend.old_norms import by_channel
from snncc.frontend.opset import IR_VERSION, OPSET, at_opset
from snncc.frontend.plain_types import with_plain_types
from snncc.frontend.single_precision import in_single_precision
from snncc.frontend.static_shapes import make_shapes_static
from snncc.io.large_models import outline, with_weights_of
from snncc.io.model_reader import Source, model_name, read_model, with_dense_weights
from snncc.ir.graph import Graph
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import canonicalisation

__all__ = ["GRAPH_STEPS", "MODEL_STEPS", "OPSET", "Step", "import_model", "run_steps"]

log = logging.getLogger("snncc")
Subject = TypeVar("Subject", onnx.ModelProto, Graph)


@enough_memory("reading the model")
def import_model(source: Source, name: str | None = None) -> Graph:
    """Read `source`, which messages call `name`, and prepare it for the passes.

    Raises:
        ModelError: the model cannot be read, is invalid, or has weights that are not finite.
        UnsupportedOpError: lists every node that cannot be converted.
    """
    name = name or model_name(source)
    model = read_model(source)
    check_model(model, name)
    with must_be_valid(name):
        model = run_steps(MODEL_STEPS, model, name)
    with shapes_must_fit(name):
        graph = run_steps(GRAPH_STEPS, Graph.from_proto(model), name)
    graph = graph.copy()  # names of removed nodes become free, as in any copy that is compared with it
    check_graph(graph, name)
    return graph


@dataclass(frozen=True)
class Step:
    """An idempotent step of the import.

    Attributes:
        name: What logs call it.
        run: A function of the subject and the model's name that returns the result; None: it was changed in place.
        check: Raises for what `run` could not repair.
        outlined: Whether large weights are set aside meanwhile, since onnx puts the model into one protobuf.
    """

    name: str
    run: Callable[[Any, str], Any]
    check: Callable[[Any, str], None] | None = None
    outlined: bool = False

    def __call__(self, subject: Any, name: str) -> Any:
        """The result of the step for `subject`, which may be changed."""
        given = outline(subject) if self.outlined else subject
        made = self.run(given, name)
        if made is None or made is given:
            return subject
        return with_weights_of(made, subject) if self.outlined else made


def run_steps(steps: tuple[Step, ...], subject: Subject, name: str) -> Subject:
    """The result of all `steps` for `subject`, which may be changed."""
    for step in steps:
        log.debug("%s: %s", name, step.name)
        subject = step(subject, name)
        if step.check is not None:
            step.check(subject, name)
    return subject


def _without_functions(model: onnx.ModelProto, _name: str) -> onnx.ModelProto:
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _with_inputs_of_network(model: onnx.ModelProto, _name: str) -> None:
    """Remove weights from the inputs."""
    weights = {t.name for t in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 4)  # older ones list weights among the inputs


def _with_names(model: onnx.ModelProto, _name: str) -> None:
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


def _with_standard_ops(model: onnx.ModelProto, name: str) -> None:
    unfused(model, name)
    model.ir_version = IR_VERSION


def _with_plain_constants(model: onnx.ModelProto, _name: str) -> None:
    """Constants that are given as a number become tensors of the type that ONNX says they have."""
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name in kinds:
            given = node.attribute[0]
            value = np.asarray(helper.get_attribute_value(given), kinds[given.name])
            node.attribute[0].CopyFrom(helper.make_attribute("value", onnx.numpy_helper.from_array(value)))


def _canonical(graph: Graph, _name: str) -> None:
    PassManager(canonicalisation()).run(graph)


MODEL_STEPS = (
    Step("functions", _without_functions, outlined=True),
    Step("branches", lambda model, _: without_branches(model), refuse_branches),
    Step("dense-weights", with_dense_weights),
    Step("domains", lambda model, _: with_domains(model)),
    Step("types", lambda model, _: with_plain_types(model)),
    Step("quantisation", dequantised, refuse_quantised),
    Step("inputs", _with_inputs_of_network, check_signature),
    Step("names", _with_names),
    Step("opset", at_opset, outlined=True),
    Step("fused-ops", _with_standard_ops, check_standard),
    Step("recurrent", lambda model, _: tidy_recurrent(model)),
    Step("batch", lambda model, _: make_batch_dynamic(model)),
    Step("constants", _with_plain_constants),
)

GRAPH_STEPS = (
    Step("fold-constants", lambda graph, _: fold_constants(graph)),
    Step("infer-shapes", lambda graph, _: graph.infer_shapes(), refuse_untyped),
    Step("old-norms", lambda graph, _: by_channel(graph)),
    Step("static-shapes", lambda graph, _: make_shapes_static(graph)),
    Step("canonicalise", _canonical),
    Step("single-precision", in_single_precision),
)

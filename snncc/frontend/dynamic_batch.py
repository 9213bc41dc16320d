# SPDX-License-Identifier: Apache-2.0
"""Make a fixed batch axis dynamic, where the graph allows it.

The first axis of every input and output becomes dynamic, and a Reshape to [1, …] becomes one to [-1, …]; where the axis
is dropped on the way, it is kept. Whether the graph allows it is tested in onnxruntime: a batch of three samples must
give the results of the single samples.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.frontend.lost_batch import with_batch_kept
from snncc.ir.proto_builder import Builder
from snncc.storage.mapped import array_of

__all__ = ["make_batch_dynamic"]

_TRIAL = 3


def make_batch_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with a dynamic batch if its batch is fixed at 1 and it can be freed; otherwise `model` itself."""
    shapes = [i.type.tensor_type.shape.dim for i in model.graph.input]
    if not all(len(s) > 1 and s[0].dim_value == 1 for s in shapes):
        return model
    if not all(d.dim_value for s in shapes for d in s):
        return model
    freed = _freed(model)
    rows = _rows_of_samples(model, freed)
    if rows is None:
        return model
    for output, count in zip(freed.graph.output, rows, strict=True):
        if count != _TRIAL and output.type.tensor_type.shape.dim:
            output.type.tensor_type.shape.dim[0].ClearField("dim_param")  # several rows for each sample, or some
    return freed


def _freed(model: onnx.ModelProto) -> onnx.ModelProto:
    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    with_batch_kept(freed)
    for value in (*freed.graph.input, *freed.graph.output):
        shape = value.type.tensor_type.shape
        if shape.dim:
            shape.dim[0].dim_param = "N"
    del freed.graph.value_info[:]
    build = Builder(freed)
    for node in freed.graph.node:
        if node.op_type == "Reshape":
            _free_reshape(freed, node, build)
    return freed


def _free_reshape(model: onnx.ModelProto, node: onnx.NodeProto, build: Builder) -> None:
    """Reshape(activation, [1, a, …]) -> Reshape(activation, [-1, a, …]), unless another -1 is there already."""
    constants = {t.name: t for t in model.graph.initializer}
    constants |= {n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant" and n.attribute}
    if node.input[0] in constants or node.input[1] not in constants:
        return
    target = array_of(constants[node.input[1]]).copy()
    if target.size > 1 and target[0] == 1:
        # An inferred axis elsewhere was inferred for one sample; Reshape's 0 then copies the batch.
        target[0] = 0 if -1 in target else -1
        node.input[1] = build.constant(f"{node.output[0]}_batch_shape", target)


def _rows_of_samples(fixed: onnx.ModelProto, freed: onnx.ModelProto) -> list[int] | None:
    """The rows of each output for samples in one batch; None if they differ from those of single samples."""
    rng = np.random.default_rng(0)
    feeds = {}
    for value in fixed.graph.input:
        kind = value.type.tensor_type
        shape = [_TRIAL, *(d.dim_value for d in kind.shape.dim[1:])]
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        drawn = rng.integers(0, 2, shape) if dtype.kind in "iub" else rng.uniform(0, 1, shape)  # tables have two rows
        feeds[value.name] = drawn.astype(dtype)
    try:
        together = cpu_session(freed).run(None, feeds)
        alone = cpu_session(fixed)
        single = [alone.run(None, {k: v[i : i + 1] for k, v in feeds.items()}) for i in range(_TRIAL)]
    except ORT_ERRORS:
        return None
    if not all(np.ndim(value) for value in together):
        return None  # a scalar has no batch axis
    stacked = [np.concatenate(parts) for parts in zip(*single, strict=True)]
    same = all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-4 * (np.abs(b).max(initial=0) + 1e-6))
        for a, b in zip(together, stacked, strict=True)
    )
    return [len(value) for value in together] if same else None

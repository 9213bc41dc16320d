# SPDX-License-Identifier: Apache-2.0
"""From the converted Graph to the model file: function bodies, opset imports, metadata, a last check.

The same graph and metadata give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from onnx import helper

from snncc import ops
from snncc.errors import ModelError, in_words
from snncc.io.large_models import fits_one_file, outline, parts
from snncc.storage.mapped import values_of
from snncc.storage.serialised import serialised

__all__ = ["KEYS", "all_nodes", "attach_bodies", "export_model", "metadata_of", "model_digest"]

KEYS = (
    "snncc.version",
    "snncc.coding",
    "snncc.source",
    "snncc.calibration",
    "snncc.neurons",
    "snncc.islands",
    "snncc.form",
    "snncc.weights",
    "snncc.outcome",
)
_ONLY_SOME = ("snncc.recurrent", "snncc.tuning")  # what models have that need it


def export_model(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """`model` with function bodies, opset imports and metadata added; it is changed.

    `metadata` maps a key of `KEYS` to a str or to a JSON value.

    Raises:
        ModelError: onnx's checker refuses the result (a bug of ours).
    """
    used = {(o.domain, o.version) for o in model.opset_import if o.domain not in ("ai.onnx", ops.DOMAIN)}
    used |= {(ops.DOMAIN, ops.OPSET)}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(d, v) for d, v in sorted(used))
    attach_bodies(model)
    model.producer_name, model.producer_version = "snncc", str(metadata["snncc.version"])
    kept = {p.key: p.value for p in model.metadata_props}
    kept |= {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in metadata.items()}
    helper.set_model_props(model, dict(sorted(kept.items())))
    try:
        onnx.checker.check_model(outline(model), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        what = f"the converted model does not pass onnx's checker: {in_words(error)}"
        raise ModelError(f"{what}. Please report this model") from error
    return model


def attach_bodies(model: onnx.ModelProto) -> None:
    """Add the function body of every op of ours that `model` uses."""
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    steps: dict[str, set[int]] = {}
    for node in all_nodes(model.graph):
        if node.domain == ops.DOMAIN:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            steps.setdefault(node.op_type, set()).add(ops.get(node.op_type).length(attributes))
    for name, lengths in sorted(steps.items()):
        assert len(lengths) == 1, f"{name} with tables of several lengths: {lengths}"
        model.functions.append(ops.get(name).function(lengths.pop(), opset))


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of `graph` and of the graphs inside them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)


def metadata_of(model: onnx.ModelProto) -> dict[str, Any]:
    """The snncc metadata of a converted model, JSON parsed; empty for a model that is not one of ours."""
    found = {p.key: p.value for p in model.metadata_props if p.key in (*KEYS, *_ONLY_SOME)}
    try:
        return {k: v if k == "snncc.version" else json.loads(v) for k, v in found.items()}
    except json.JSONDecodeError as error:
        raise ModelError(f"the model's snncc metadata is damaged ({error}). Convert the source model again.") from error


def model_digest(model: onnx.ModelProto) -> str:
    """SHA-256 of a model with its weights, however it was stored; of one over 2 GB, its large weights come last."""
    sketch, aside = (model, []) if fits_one_file(model) else parts(model, "")
    digest = hashlib.sha256()
    for piece in serialised(sketch):
        digest.update(piece)
    for weight in aside:
        digest.update(values_of(weight))
    return digest.hexdigest()

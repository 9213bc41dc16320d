# SPDX-License-Identifier: Apache-2.0
"""Export the converted Graph as a model: function bodies, opset imports, metadata, final check.

The same graph and metadata give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx
from onnx import helper

from snncc import ops
from snncc.errors import ModelError, in_words
from snncc.io.large_models import outline
from snncc.ir.function_bodies import attach_bodies

__all__ = ["export_model"]


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

# SPDX-License-Identifier: Apache-2.0
"""Check the inputs, outputs and attributes of nodes against the schemas of their ops.

onnx's checker does the same, but requires the import of every opset; this check runs before those are added.
"""

from __future__ import annotations

from itertools import chain
from typing import cast

import onnx
from onnx import defs

from snncc.errors import ModelError
from snncc.ir.nodes import all_nodes, opset_of

__all__ = ["refuse_malformed"]

_LATEST = defs.onnx_opset_version()


def refuse_malformed(model: onnx.ModelProto, name: str) -> None:
    """Raise ModelError for the first node that violates the schema of its op; third-party ops have no schema here."""
    version = opset_of(model)
    for node in chain(all_nodes(model.graph), *(function.node for function in model.functions)):
        schema = _schema(node, version)
        if schema is not None and (reason := _misfit(node, schema)):
            what = f"{node.op_type} '{node.name or next(iter(node.output), '')}'"
            raise ModelError(f"{name}: not a valid ONNX model ({what} {reason}). Export the model again.")


def _schema(node: onnx.NodeProto, version: int) -> defs.OpSchema | None:
    try:
        return defs.get_schema(node.op_type, min(max(version, 1), _LATEST), "") if node.domain == "" else None
    except defs.SchemaError:  # no op of the opset
        return None


def _misfit(node: onnx.NodeProto, schema: defs.OpSchema) -> str | None:
    """The violation of the schema, None if there is none."""
    for count, least, most, what in (
        (len(node.input), schema.min_input, schema.max_input, "inputs"),
        (len(node.output), schema.min_output, schema.max_output, "outputs"),
    ):
        if not least <= count <= most:
            return f"has {count} {what}"
    given = {a.name: a for a in node.attribute}
    for known in schema.attributes.values():
        if known.required and known.name not in given:
            return f"has no attribute {known.name}"
        found = given.get(known.name)
        if found is not None and not found.ref_attr_name and found.type != cast(int, known.type):
            return f"has an attribute {known.name} of another type"
    return None

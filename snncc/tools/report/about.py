# SPDX-License-Identifier: Apache-2.0
"""First section of the report: description of the model, and the conversion summary."""

from __future__ import annotations

from typing import Any

import onnx

from snncc.compiler.conversion_summary import outcome_rows
from snncc.errors import ModelError
from snncc.evaluation.result import Evaluation
from snncc.ir.metadata import metadata_of

__all__ = ["about", "analog_op_names"]


def about(model: onnx.ModelProto, found: Evaluation) -> dict[str, list[tuple[str, str]]]:
    """Lists of (quantity, value) by title; shorter for models of earlier versions."""
    try:
        known = metadata_of(model)
    except ModelError:
        known = {}
    listed = {"The model": _model(known, found)}
    if outcome := known.get("snncc.outcome"):
        listed["Conversion summary"] = outcome_rows(outcome)
    return listed


def analog_op_names(model: onnx.ModelProto) -> frozenset[str]:
    """Recorded analog ops."""
    try:
        return frozenset(metadata_of(model).get("snncc.islands", {}))
    except ModelError:
        return frozenset()


def _model(known: dict[str, Any], found: Evaluation) -> list[tuple[str, str]]:
    coding = dict(known.get("snncc.coding", {}))
    name = coding.pop("name", "not known")
    parameters = ", ".join(f"{key} = {value}" for key, value in coding.items() if value is not None)
    scales = known.get("snncc.calibration", {})
    origin = ", ".join(f"{scales[key]}" for key in ("origin", "method", "normalize") if scales.get(key))
    rows = [("coding", f"{name}: {parameters}"), ("neurons", f"{found.neurons:,}"), ("scales from", origin)]
    if scales.get("samples"):
        rows.append(("calibration samples", f"{scales['samples']:,}"))
    rows.append(("samples shown here", f"{found.samples:,}"))
    if version := known.get("snncc.version"):
        rows.append(("converted by snncc", str(version)))
    if digest := known.get("snncc.source", {}).get("sha256"):
        rows.append(("SHA-256 of the source", str(digest)))
    return rows

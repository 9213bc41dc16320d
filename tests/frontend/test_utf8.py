# SPDX-License-Identifier: Apache-2.0
"""Text that is not UTF-8, anywhere in a model, raises one clear error."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import snncc
from snncc.errors import ModelError

MARKS = ("nodename", "optype__", "domain__", "input___", "output__", "attrname", "attrtext", "weight__", "graphnam")
MARKS += ("producer", "metakey_", "metaval_", "dimparam", "innernod", "doctext_", "attrlist", "funcname")


def model() -> bytes:
    inner = helper.make_graph([helper.make_node("Identity", ["output__"], ["i"], name="innernod")], "inner", [], [])
    node = helper.make_node("optype__", ["input___", "weight__"], ["output__"], name="nodename", domain="domain__",
                            attrname="attrtext", listed=["attrlist"], body=inner, doc_string="doctext_")  # fmt: skip
    values = [
        helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["dimparam", 2]) for n in ("input___", "output__")
    ]
    weights = [numpy_helper.from_array(np.ones(2, np.float32), "weight__")]
    graph = helper.make_graph([node], "graphnam", values[:1], values[1:], weights)
    made = helper.make_model(graph, producer_name="producer")
    helper.set_model_props(made, {"metakey_": "metaval_"})
    function = helper.make_function("domain__", "funcname", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    made.functions.append(function)
    return made.SerializeToString()


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("form", ["bytes", "file", "proto"])
def test_text_that_is_not_utf8_is_named(mark: str, form: str, tmp_path: Path) -> None:
    data = model()
    assert mark.encode() in data
    spoilt = data.replace(mark.encode(), b"\xff\xfe" + mark.encode()[2:])
    (tmp_path / "m.onnx").write_bytes(spoilt)
    sources = {"bytes": spoilt, "file": tmp_path / "m.onnx", "proto": onnx.load_model_from_string(spoilt)}
    with pytest.raises(
        ModelError, match=r"damaged: model\..* is no UTF-8 text but the bytes b'\\xff\\xfe" + re.escape(mark[2:])
    ):
        snncc.convert(sources[form], snncc.FS())

# SPDX-License-Identifier: Apache-2.0
"""The exported file: metadata, function bodies, opsets, shapes, portability across ONNX runtimes."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

import snncc
from snncc import ops
from snncc.io.digests import model_digest
from snncc.ir.metadata import KEYS, metadata_of

RESIDUAL = """<ir_version: 8, opset_import: ["": 17]>
g (float[batch, 2, 6, 6] x) => (float[batch, 3] y) {
    c = Conv <pads = [1, 1, 1, 1]> (x, W) r = Relu(c)
    d = Conv <pads = [1, 1, 1, 1]> (r, U) s = Add(d, r) t = Relu(s)
    a = GlobalAveragePool(t) f = Flatten(a) y = Gemm(f, V)
}"""
CODINGS = [
    snncc.Phase(T=16, Q=1.3),
    snncc.Phase(T=8, Q=1.5, shift=False, input="one"),
    snncc.Phase(T=1, Q=2.0, input="analog"),
    snncc.Phase(T=6, Q=1.6, spikes=3, input="analog"),
]


@pytest.fixture(scope="module")
def ann() -> onnx.ModelProto:
    rng = np.random.default_rng(1)
    model = parser.parse_model(RESIDUAL)
    for name, shape in {"W": (4, 2, 3, 3), "U": (4, 4, 3, 3), "V": (4, 3)}.items():
        model.graph.initializer.append(numpy_helper.from_array(rng.normal(0.1, 0.5, shape).astype(np.float32), name))
    model.producer_name, model.doc_string = "a trainer", "made by hand"
    helper.set_model_props(model, {"licence": "CC0", "snncc.version": "of another life"})
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(2).normal(0.2, 1, (5, 2, 6, 6)).astype(np.float32)


@pytest.fixture(scope="module", params=CODINGS, ids=str)
def snn(request: pytest.FixtureRequest, ann: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    return snncc.convert(ann, request.param, calibration=images)


def _run(model: onnx.ModelProto, images: np.ndarray, *names: str) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(list(names) or None, {"x": images})


def test_metadata_goes_round_trip(ann, images):
    coding = CODINGS[0]
    snn = onnx.ModelProto.FromString(
        snncc.convert(ann, coding, calibration=images, percentile=99.0).SerializeToString()
    )
    found = metadata_of(snn)
    assert found.keys() == set(KEYS)
    assert found["snncc.version"] == snncc.__version__ == snn.producer_version
    letters = {"T": 16, "Q": 1.3, "shift": True, "spikes": 1, "input": "binary", "wait": None}
    assert found["snncc.coding"] == {"name": "phase", **letters}
    assert found["snncc.source"] == {"sha256": model_digest(ann)}
    calibration = found["snncc.calibration"]
    assert (calibration["origin"], calibration["samples"]) == ("data", 5)
    assert (calibration["method"], calibration["percentile"]) == ("percentile", 99.0)
    assert snncc.Phase(**{k: v for k, v in found["snncc.coding"].items() if k != "name"}) == coding
    neurons = {n.name for n in snn.graph.node if n.domain == ops.DOMAIN}
    assert found["snncc.neurons"].keys() == neurons
    assert {entry["replaces"] for entry in found["snncc.neurons"].values()} == {None, "r", "t"}


def test_the_sources_own_metadata_stays(ann, images):
    snn = snncc.convert(ann, CODINGS[0], calibration=images)
    kept = {p.key: p.value for p in snn.metadata_props}
    assert kept["licence"] == "CC0"
    assert kept["snncc.version"] == snncc.__version__
    assert list(kept) == sorted(kept)
    assert snn.doc_string == "made by hand"
    assert snn.producer_name == "snncc"


def test_plain_models_have_none(ann):
    plain = onnx.ModelProto()
    plain.CopyFrom(ann)
    del plain.metadata_props[:]
    assert metadata_of(plain) == {}


def test_damaged_metadata_is_refused(ann, images):
    snn = snncc.convert(ann, CODINGS[0], calibration=images)
    next(p for p in snn.metadata_props if p.key == "snncc.coding").value = "{T: 16"
    with pytest.raises(snncc.SnnccError, match=r"metadata is damaged \(.*\). Convert the source model again"):
        metadata_of(snn)


def test_digest_sees_weights_not_storage(ann, tmp_path):
    path = tmp_path / "m.onnx"
    copy = onnx.ModelProto.FromString(ann.SerializeToString())
    onnx.save_model(copy, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    stored = metadata_of(snncc.convert(path, CODINGS[0]))["snncc.source"]
    assert stored == metadata_of(snncc.convert(ann, CODINGS[0]))["snncc.source"]
    other = onnx.ModelProto.FromString(ann.SerializeToString())
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((4, 2, 3, 3), np.float32), "W"))
    assert model_digest(other) != model_digest(ann)
    assert len(bytes.fromhex(model_digest(ann))) == hashlib.sha256().digest_size


def test_bodies_are_there_for_the_ops_used_and_no_others(snn):
    used = {n.op_type for n in snn.graph.node if n.domain == ops.DOMAIN}
    assert used
    assert sorted(f.name for f in snn.functions) == sorted(used)
    assert {f.domain for f in snn.functions} == {ops.DOMAIN}


def test_opsets_are_stated(snn):
    assert {o.domain: o.version for o in snn.opset_import} == {"": 21, ops.DOMAIN: ops.OPSET}
    assert snn.ir_version == 10


def test_checker_passes_in_full(snn):
    onnx.checker.check_model(onnx.ModelProto.FromString(snn.SerializeToString()), full_check=True)


def test_shapes_flow_through_our_ops(snn):
    bare = onnx.ModelProto()
    bare.CopyFrom(snn)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, check_type=True)
    known = {v.name: v.type.tensor_type for v in (*inferred.graph.value_info, *inferred.graph.output)}
    for node in snn.graph.node:
        kind = known[node.output[0]]
        assert kind.elem_type == TensorProto.FLOAT
        assert all(d.dim_value or d.dim_param for d in kind.shape.dim)
    assert [d.dim_param or d.dim_value for d in known["y"].shape.dim] == ["batch", 3]


def test_spikes_are_the_same_everywhere(snn, images):
    """In plain onnxruntime without our library, and in onnx's reference evaluator."""
    names = [n.output[0] for n in snn.graph.node if n.domain == ops.DOMAIN]
    found = dict(zip(names, _with_outputs(snn, images, names), strict=True))
    extended = _extended(snn, names)
    values = ReferenceEvaluator(extended).run(None, {"x": images})
    reference = dict(zip([o.name for o in extended.graph.output], values, strict=True))
    for name in names:
        assert (found[name] != 0).any()
        same = found[name] == reference[name]
        assert same.mean() > 0.999  # the two sum potentials in another order, which may move one over a threshold
    np.testing.assert_allclose(reference["y"], _run(snn, images)[0], rtol=1e-3, atol=1e-3)


def _extended(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    known = {o.name for o in model.graph.output}
    extended.graph.output.extend(
        helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in dict.fromkeys(names) if n not in known
    )
    return extended


def _with_outputs(model: onnx.ModelProto, images: np.ndarray, names: list[str]) -> list[np.ndarray]:
    return _run(_extended(model, names), images, *names)


def test_metadata_is_plain_json(snn):
    for entry in snn.metadata_props:
        if entry.key in KEYS and entry.key != "snncc.version":
            assert json.dumps(json.loads(entry.value), sort_keys=True) == entry.value

# SPDX-License-Identifier: Apache-2.0
"""Models that cannot be converted: one message with file, node, op and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import snncc
from snncc.analysis.cpu_session import cpu_session, must_run
from snncc.errors import ModelError

MLP = "g (float[N, 4] x) => (float[N, 3] y) { c = MatMul(x, W) r = Relu(c) y = MatMul(r, V) }"
SIZES = {"W": (4, 5), "V": (5, 3)}


def _refused(source: object) -> str:
    with pytest.raises(snncc.SnnccError) as caught:
        snncc.convert(source, snncc.Phase(), strict=True)
    message = str(caught.value)
    assert "Traceback" not in message
    assert message.endswith((".", "?"))
    return message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not an ONNX model, or a truncated one (108 bytes). Is it another format"),
        (b"# a text file\n" * 20, "not an ONNX model, or a truncated one"),
        (b"", "holds no network (no nodes or no outputs). Is it an ONNX model, and complete?"),
    ],
    ids=["an image", "a text", "empty"],
)
def test_no_onnx_file(tmp_path, content, message):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert message in _refused(path)
    assert str(path) in _refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file(network, tmp_path, share):
    data = network(MLP, W=(4, 500), V=(500, 3)).SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data[: int(len(data) * share)])
    assert re.search(r"m\.onnx: (not an ONNX model, or a truncated one|holds no network)", _refused(path))


@pytest.mark.parametrize("path", ["gone.onnx", "."])
def test_missing_file_and_folder(path):
    assert re.match(
        re.escape(str(Path(path))) + r": cannot be read \(.*\). Give the path of an .onnx file", _refused(path)
    )


def test_missing_weight(network):
    message = _refused(network(MLP, W=(4, 5)))
    assert message.startswith("the model: input 'V' of MatMul 'y' is missing")
    assert "with its weights" in message


def test_damaged_weight(network):
    model = network(MLP, **SIZES)
    model.graph.initializer[1].raw_data = model.graph.initializer[1].raw_data[:-5]
    assert re.search(r"weight 'V' is damaged \(.*\). Export the model again", _refused(model))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(network, bad):
    weight = np.ones((5, 3), np.float32)
    weight[1, :2] = bad
    message = "weight 'V' of MatMul 'y' has 2 NaN or infinite value(s). The training diverged or the file is damaged"
    assert message in _refused(network(MLP, W=(4, 5), V=weight))


def test_computed_weights_that_are_not_finite(network):
    body = MLP.replace("r = Relu", "t = Transpose(V) r = Relu").replace("MatMul(r, V)", "MatMul(r, t)")
    message = _refused(network(body, W=(4, 5), V=np.full((3, 5), np.nan, np.float32)))
    assert "of MatMul 'y' has 15 NaN" in message


def test_unsupported_ops_are_listed_all_at_once_by_op(network):
    body = """g (float[N, 4] x) => (float[N, 4] y, float[N, 4] z) {
        a = Elu(x) [second] b = Elu(a) c = Erf(b) d = Mul(c, c) e = Relu(d) y = Softmax(e)
        f = Softmax(e) z = Relu(f) }"""
    message = _refused(network(body)).splitlines()
    assert message == [
        "the model: 5 node(s) cannot become synapses or neurons",
        "  Elu: not supported: 'a', 'second'",
        "  Erf: not supported: 'c'",
        "  Mul: product of two activations: 'd'",
        "  Softmax: not linear, in the middle of the network: 'f'",
        "Convert without --strict to keep them as analog ops.",
    ]


def test_long_lists_are_cut(network):
    body = "".join(f"a{i} = Elu({'x' if not i else f'a{i - 1}'}) " for i in range(9))
    message = _refused(network(f"g (float[N, 4] x) => (float[N, 4] y) {{ {body} y = Relu(a8) }}"))
    assert "'a5' and 3 more\n" in message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b = MatMul(a, x)", "MatMul: product of two activations: 'b'"),
        ("b = Div(W, a)", "Div: divides by an activation: 'b'"),
        ("s = ReduceMin <keepdims = 0> (x) b = Clip(a, s)", "ReduceMin: not supported: 's'"),
        ("s = Exp(x) b = PRelu(s, a)", "PRelu: not supported: 'b'"),
        ("s = SequenceConstruct(a) b = SequenceAt(s, i)", "SequenceConstruct: its result is of type sequence: 's'"),
        ("s = Cast <to = 17> (a) b = Cast <to = 1> (s)", "Cast: its result is float8e4m3fn: 's'"),
    ],
)
def test_what_is_no_synapse_says_why(network, line, message):
    body = f"g (float[4, 4] x) => (float[4, 4] y) {{ a = Relu(x) {line} y = Relu(b) }}"
    assert message in _refused(network(body, W=np.ones(1, np.float32), i=0))


def test_control_flow(network):
    body = """g (float[N, 4] x) => (float[N, 4] y) {
        s = ReduceMax <keepdims = 0> (x) c = Greater(s, z)
        b = If (c) <then_branch = t () => (float[N, 4] p) { p = Relu(x) },
                    else_branch = e () => (float[N, 4] q) { q = Identity(x) }>
        y = Relu(b) }"""
    assert "  If: its condition depends on the values of 'x', and holds Relu 'p': 'b'\n" in _refused(
        network(body, z=np.float32(0))
    )


def test_loop(network):
    body = """g (float[N, 4] x) => (float[N, 4] y) {
        n = Constant <value = int64 {2}> ()
        b = Loop (n, , x) <body = l (int64 i, bool c, float[N, 4] v) => (bool d, float[N, 4] w) {
            d = Identity(c) w = Relu(v) }>
        y = Relu(b) }"""
    assert "  Loop: it works on activations in a graph of its own, and holds Relu 'w': 'b'\n" in _refused(network(body))


@pytest.mark.parametrize("kind", ["Conv", "Gemm"])
def test_dynamic_weight(network, kind):
    shape = "4, 1, 1, 1" if kind == "Conv" else "1, 4"
    out = "N, 4, 6, 6" if kind == "Conv" else "N, 4"
    data = "N, 1, 6, 6" if kind == "Conv" else "N, 1"
    body = f"g (float[{data}] x, float[{shape}] W) => (float[{out}] y) {{ c = {kind}(x, W) y = Relu(c) }}"
    assert f"{kind}: dynamic weight 'W', export with constant folding: 'c'" in _refused(network(body))


def test_quantised_model(network):
    body = """g (float[N, 4] x) => (float[N, 4] y) {
        q, s, z = DynamicQuantizeLinear(x) c = MatMulInteger(q, W, z) d = Mul(c, c) f = Cast<to = 1>(d) y = Relu(f) }"""
    message = _refused(network(body, W=np.ones((4, 4), np.uint8)))
    assert "Mul 'd' computes with quantised values. Give snncc the float model that it was made from" in message


def test_quantised_for_other_hardware(network):
    body = "g (float[N, 4] x) => (float[N, 4] y) { c = QLinearSoftmax(x, s, z, s, z) y = Relu(c) }".replace(
        "Soft", "Hard"
    )
    message = _refused(network(body, s=np.float32(1), z=np.uint8(0)))
    first = "a quantised model (1 quantisation nodes, the first is QLinearHardmax 'c')"
    assert f"{first}. Give snncc the float model that it was made from, or one from onnxruntime's" in message


@pytest.mark.parametrize("coding", [snncc.Phase(T=4), snncc.MSAT(T=2)])
def test_already_converted(network, coding):
    snn = snncc.convert(network(MLP, **SIZES), coding)
    assert _refused(snn) == "the model is already converted; give the network that it was made from."


@pytest.mark.parametrize("size", [2**41])
def test_axes_that_no_data_has(network, size):
    model = network(MLP, **SIZES)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = size
    assert f"input 'x' has axes of [{size}], which no data has." in _refused(model)


def test_the_other_name_of_the_standard_domain(network):
    model = network(MLP, **SIZES)
    model.opset_import[0].domain = "ai.onnx"
    snn = snncc.convert(model, snncc.Phase(T=4))
    assert {o.domain for o in snn.opset_import} == {"", "ai.snncc"}


def test_weights_of_4_bits(network):
    model = network(MLP.replace("V)", "U)").replace("y =", "U = Cast <to = 1> (V) y ="), W=(4, 5))
    model.graph.initializer.append(helper.make_tensor("V", TensorProto.INT4, [5, 3], [1] * 15))
    assert "weight 'V' is int4. Export the model with its weights in float32" in _refused(model)


def test_no_input(network):
    message = _refused(network("g () => (float[5, 3] y) { y = Relu(V) }", V=(5, 3)))
    assert "the network has no input. Export it with its input as a graph input" in message


def test_no_nodes():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    model = helper.make_model(helper.make_graph([], "g", [value], [value]))
    assert "holds no network" in _refused(model)
    assert "holds no network" in _refused(model.SerializeToString())


def test_no_relu(network):
    body = "g (float[N, 4] x) => (float[N, 5] y) { y = MatMul(x, W) }"
    assert "holds no ReLU, so that nothing becomes a neuron. Convert a network of ReLUs" in _refused(
        network(body, W=(4, 5))
    )


@pytest.mark.parametrize(("opset", "message"), [(6, "opset 6 is older than 7. Export the model again with opset 13")])
def test_old_opset(network, opset, message):
    assert message in _refused(network(MLP, opset=opset, **SIZES))


def test_unstated_opset(network):
    model = network(MLP, **SIZES)
    del model.opset_import[:]
    assert "no ONNX opset is stated. Export the model again" in _refused(model)


def test_opset_of_the_future(network):
    assert re.search(
        r"from opset 999 to 21 \(.*\). Export the model again with opset 21", _refused(network(MLP, opset=999, **SIZES))
    )


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        (', "com.acme": 1', "  Swish: domain 'com.acme' is unknown: 'b'\n"),
        ("", "  Swish: domain 'com.acme' is unknown: 'b'\n"),  # not stated at all
    ],
)
def test_unknown_domain(network, domains, message):
    body = "g (float[N, 4] x) => (float[N, 4] y) { b = com.acme.Swish(x) y = Relu(b) }"
    assert message in _refused(network(body, domains=domains))


@pytest.mark.parametrize(
    ("opset", "call"),
    [
        (21, "n = BatchNormalization <training_mode = 1>"),
        (21, "n, p, q = BatchNormalization <training_mode = 1>"),
        (7, "n, p, q, s, t = BatchNormalization"),
    ],
)
def test_batch_normalization_in_training(network, opset, call):
    body = f"g (float[N, 4] x) => (float[N, 4] y) {{ {call} (x, g, h, m, var) y = Relu(n) }}"
    message = _refused(network(body, opset=opset, g=(4,), h=(4,), m=(4,), var=(4,)))
    assert "  BatchNormalization: in training mode, export for inference (model.eval()): 'n'" in message


def test_shapes_that_do_not_fit(network):
    assert "shapes do not fit together" in _refused(network(MLP, W=(4, 5), V=(6, 3)))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("float", "input 'x' has rank 0. Export it with a batch axis and at least one more"),
        ("int32[N, 4]", "input 'x' is int32, and Relu 'y' computes with it. Export the model with a float32, float16"),
        ("bfloat16[N, 4]", "input 'x' is bfloat16. Export the model with a float32"),
        ("seq(float[N, 4])", "input 'x' is of type sequence. Export the model with a float32"),
    ],
)
def test_inputs_that_are_no_batches_of_floats(network, kind, message):
    assert message in _refused(network(f"g ({kind} x) => ({kind} y) {{ y = Relu(x) }}"))


def test_input_without_a_shape(network):
    model = network("g (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert "input 'x' states no shape. Export it with a batch axis" in _refused(model)


def test_ops_that_onnxruntime_lacks(network):
    """onnxruntime convolves no float64 on the CPU: the network computes in float32, and keeps its types."""
    body = "g (double[N, 1, 6, 6] x) => (double[N, 2, 4, 4] y) { c = Conv(x, K) y = Relu(c) }"
    model = network(body, K=np.ones((2, 1, 3, 3)))
    lacks = r"the network does not run in onnxruntime .*Conv.*Does the source model itself run there\?"
    with pytest.raises(ModelError, match=lacks), must_run("the network"):
        cpu_session(model)
    snn = snncc.convert(model, snncc.FS(K=16))
    assert [v.type.tensor_type.elem_type for v in (*snn.graph.input, *snn.graph.output)] == [TensorProto.DOUBLE] * 2
    found = cpu_session(snn).run(None, {"x": np.full((1, 1, 6, 6), 0.1)})[0]
    np.testing.assert_allclose(found, np.full((1, 2, 4, 4), 0.9), atol=1e-3)


def test_activations_that_overflow(network):
    body = MLP.replace("r = Relu(c)", "h = Relu(c) e = MatMul(h, U) r = Relu(e)")
    big = {"W": np.full((4, 5), 1e30, np.float32), "U": np.full((5, 5), 1e30, np.float32)}
    message = _refused(network(body, V=(5, 3), **big))
    assert "calibration: activation 'r' overflows to infinity or NaN. Is the preprocessing right?" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"T": 0}, "T is 0, but a code needs at least one phase"),
        ({"T": 2.5}, "T is 2.5, but"),
        ({"T": 300}, "T is 300, but the binary code of the input has a level 2^-299"),
        ({"T": 300, "Q": 1.9, "input": "one"}, "T is 300, but there is a level 1.9^-299, which float32"),
        ({"Q": 1.0}, "Q is 1.0, but the base must be above 1 and at most 2; try 'auto', or 1.3"),
        ({"Q": 2.1}, "Q is 2.1, but the base must be above 1 and at most 2"),
        ({"Q": float("nan")}, "Q is nan, but"),
        ({"spikes": 0}, "spikes is 0, but a neuron may send 1 to T = 24 spikes"),
        ({"T": 2, "levels": (1.0, 1.0)}, "levels must be T = 2 finite numbers above 0, each lower than the one before"),
        ({"T": 2, "levels": (1.0, 0.0)}, "levels must be T = 2 finite numbers above 0"),
        ({"T": 3, "levels": (1.0, 0.5)}, "levels must be T = 3"),
        (
            {"T": 2, "levels": ("a", "b")},
            "levels are ('a', 'b'), but a coding takes numbers; 'fitted' is for `convert`",
        ),
        ({"T": 2, "levels": (1.0, 0.5), "shift": False}, "for one spike that rounds"),
        ({"input": "rate"}, "input is 'rate', but it must be one of binary, one, analog"),
    ],
)
def test_coding_options_out_of_range(options, message):
    with pytest.raises(snncc.SnnccError, match=re.escape(message)):
        snncc.Phase(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percentile": 0}, "percentile is 0, but it must be above 0 and at most 100; try 99.9"),
        ({"percentile": 100.1}, "percentile is 100.1, but"),
        ({"normalize": "batch"}, "normalize is 'batch', but it must be one of channel, layer, none"),
        ({"scale": "mean"}, "scale is 'mean', but it must be one of max, percentile, least-squares"),
        ({"scale": "percentile"}, "scale 'percentile' and a percentile go together"),
        ({"scale": "max", "percentile": 99}, "scale 'percentile' and a percentile go together"),
        ({"input_range": (1, 0)}, "input range (1, 0) must be two finite numbers, the lowest value first"),
        ({"fold_bn": "bias"}, "fold_bn is 'bias', but it must be one of weights, threshold"),
        ({"preprocess": "nonsense"}, "nonsense"),
    ],
)
def test_options_out_of_range(network, options, message):
    with pytest.raises(snncc.SnnccError, match=re.escape(message)):
        snncc.convert(network(MLP, **SIZES), snncc.Phase(), **options)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            np.ones((6, 5), np.float32),
            "the data is float32 [6, 5], which does not fit the model's input 'x'",
        ),
        (np.full((6, 4), np.nan, np.float32), "holds 24 NaN or infinite value(s). Take those samples out"),
        (np.empty((0, 4), np.float32), "the data holds no samples. Give at least one"),
        ([], "the data holds no samples"),
        (np.array([["a"] * 4] * 3), "the data is <U1, the model's input is 'x' float32 [N, 4]. Give numbers"),
        (np.ones((6, 4), np.complex64), "the data is complex64"),
        ({"z": np.ones((6, 4))}, "'x'"),
        ("gone.npy", "gone.npy"),
    ],
    ids=["shape", "nan", "empty", "no batches", "text", "complex", "another name", "missing file"],
)
def test_bad_calibration_data(network, data, message):
    with pytest.raises(snncc.SnnccError, match=re.escape(message)):
        snncc.convert(network(MLP, **SIZES), snncc.Phase(), calibration=data)

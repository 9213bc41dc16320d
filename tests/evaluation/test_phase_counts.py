# SPDX-License-Identifier: Apache-2.0
"""Spikes per phase and op, with per-channel scales, half precision, and more phases than codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import snncc
from snncc import ops
from snncc.analysis.network_view import Network
from snncc.evaluation.phase_counter import phase_counts
from snncc.ir.proto_builder import Builder
from snncc.runtime import create_session
from tests.evaluation.slow_firing import firing

OPS = ("OneSpikeNeuron", "ResidualOneSpikeNeuron", "PhaseNeuron", "WaitOneSpikeNeuron", "PhaseEncoder", "FSNeuron")


def neuron(op: str, dtype: Any, **attributes: Any) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """(A model of this one neuron, its inputs as the op's own example has them)."""
    definition = ops.get(op)
    inputs, given = definition.examples(np.random.default_rng(5))
    values = dict(zip((p.name for p in definition.inputs), inputs, strict=True))
    values |= {name: values[name].astype(dtype) for name in ("X", "residual") if name in values}
    outputs = ["Y", *[""] * (len(definition.outputs) - 1)]  # onnxruntime before 1.27 needs all of them
    node = helper.make_node(op, list(values), outputs, name="n", domain=ops.DOMAIN, **{**given, **attributes})
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    fed = [name for name in values if name in ("X", "residual")]
    rows: list[Any] = ["N", *values["X"].shape[1:]]
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(name, kind, rows) for name in fed],
        [helper.make_tensor_value_info("Y", kind, None)],
        [numpy_helper.from_array(value, name) for name, value in values.items() if name not in fed],
    )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid(ops.DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10), values


def counted(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> np.ndarray:
    network = Network(model)
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    found = phase_counts(Builder(shown), shown.graph.node[0], network)
    assert all(o.type.tensor_type.elem_type in (TensorProto.UINT8, TensorProto.INT64) for o in shown.graph.output[1:])
    session = create_session(shown, device="cpu")
    feeds = {i.name: values[i.name] for i in model.graph.input}
    outputs = session.run([steps.output for steps in found], feeds)
    samples = firing(model.graph.node[0], values).shape[1:]
    for steps, output in zip(found, outputs, strict=True):
        assert output.shape == (samples if steps.fires is not None else output.shape[:1])
    return sum(steps.read(output) for steps, output in zip(found, outputs, strict=True))


def expected(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> np.ndarray:
    fired = firing(model.graph.node[0], values)
    return fired.reshape(len(fired), -1).sum(axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["float", "half"])
@pytest.mark.parametrize("op", OPS)
def test_every_op_is_counted_phase_by_phase(op, dtype):
    model, values = neuron(op, dtype)
    found = counted(model, values)
    np.testing.assert_array_equal(found, expected(model, values))
    assert found.sum() > 50
    assert np.count_nonzero(found) > len(found) / 2


@pytest.mark.parametrize("spikes", [1, 2, 8, 100])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("op", ["PhaseNeuron", "PhaseEncoder"])
def test_any_number_of_spikes_of_either_sign(op, signed, spikes):
    model, values = neuron(op, np.float32, max_spikes=spikes, signed=signed)
    np.testing.assert_array_equal(counted(model, values), expected(model, values))


def test_more_phases_than_a_byte_can_tell():
    levels = (1.01 ** -np.arange(600.0)).tolist()
    model, values = neuron("OneSpikeNeuron", np.float32, levels=levels, thresholds=levels)
    found = counted(model, values)
    np.testing.assert_array_equal(found, expected(model, values))
    assert found[:253].any()
    assert found[253:506].any()
    assert found[506:].any()


def test_steps_that_rise_and_are_worth_less_than_nothing():
    """Fitted tables of other activations are in no order, and their spikes may take something away."""
    rng = np.random.default_rng(0)
    tables = {name: rng.normal(0, 0.5, 18).astype(np.float32).tolist() for name in ("thresholds", "resets", "values")}
    model, values = neuron("FSNeuron", np.float32, initial=0.1, **tables)
    found = counted(model, values)
    np.testing.assert_array_equal(found, expected(model, values))
    assert np.all(found > 0)


def test_only_where_it_is_asked_for(ann, snn, images):
    without, found = (snncc.evaluate(snn, ann, images, phases=phases) for phases in (False, True))
    assert without.share_per_step is None
    assert without.step_rows() == ((), [])
    assert all(x.per_step is None for x in without.layers)
    for layer in found.layers:
        assert layer.per_step.sum() == pytest.approx(layer.total, rel=1e-12)
    assert sum(found.share_per_step) == pytest.approx(found.spikes_per_neuron, rel=1e-12)
    for key in ("operations", "energy", "synaptic_layers"):
        assert found.to_json()[key] == without.to_json()[key]


def test_rows_fit_a_line_and_hold_means_of_some_steps(ann, snn, images):
    found = snncc.evaluate(snn, ann, images, phases=True)
    columns, rows = found.step_rows()
    assert columns == ("layer", "0-2", "3-5", "6-8", "9-11", "12-14", "15")
    assert [row[0] for row in rows] == [*(x.name for x in found.layers), "in all"]
    share = found.share_per_step
    assert rows[-1][2] == f"{100 * sum(share[3:6]) / 3:.1f}"
    assert rows[-1][-1] == f"{100 * share[15]:.1f}"


def test_layers_of_fewer_steps_count_towards_all(ann, images):
    model = snncc.convert(ann, snncc.FS(K=5), calibration=images)
    found = snncc.evaluate(model, ann, images, phases=True)
    first, *others = (x for x in found.layers if not x.encoder)
    shorter = type(found)(**{**vars(found), "layers": (cut(first), *others)})
    sent = [sum(x.per_step[t] for x in shorter.layers if len(x.per_step) > t) for t in range(5)]
    np.testing.assert_allclose(shorter.share_per_step, np.array(sent) / found.neurons, rtol=1e-12)
    assert shorter.step_rows()[1][0][-1] == ""


def cut(layer):
    """Its first three steps alone."""
    return type(layer)(**{**vars(layer), "per_step": layer.per_step[:3]})


def test_merging_keeps_steps_exact(ann, snn, images):
    from snncc.evaluation.paired_run import PairedRun
    from snncc.evaluation.shard_sums import ShardSums, merge
    from snncc.frontend.import_model import import_model

    def part(rows: slice) -> ShardSums:
        runner = PairedRun(snn, import_model(ann), None, "cpu", cut=True, timed=False, phases=True)
        runner.add({"x": images[rows]})
        return ShardSums.from_json(runner.counts().to_json())

    whole = part(slice(None))
    parts = merge([part(slice(5, None)), part(slice(5))])
    assert [x.per_step.tolist() for x in parts.layers] == [x.per_step.tolist() for x in whole.layers]
    assert parts.evaluation().share_per_step == whole.evaluation().share_per_step

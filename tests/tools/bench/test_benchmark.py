# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import cycle

import numpy as np
import onnx
import pytest
from onnx import parser

import snncc
from snncc.errors import DataError, ModelError, OptionError
from snncc.models.digits import load_digits
from snncc.tools.bench import benchmark


def ticking(durations: Iterable[float]) -> Callable[[], float]:
    """A clock by which runs take these times, one after the other, and nothing else takes any."""
    left, now, running = iter(durations), 0.0, False

    def clock() -> float:
        nonlocal now, running
        now += next(left) if running else 0.0
        running = not running
        return now

    return clock


def test_figures_are_those_of_the_clock(ann, forms):
    rounds = [[1.0, 4.0 * (r + 1), 1.5] for r in range(11)]
    found = benchmark(
        forms["folded"], ann, batch=3, rounds=11, clock=ticking(t for r in rounds for t in r), device="cpu"
    )
    body = 4000 * np.arange(1, 12)
    assert [t.name for t in found.timings] == ["ann", "body", "kernels"]
    plain, bodies, kernels = found.timings
    assert plain.ms == (1000, 1000, 1000)
    assert bodies.ms == pytest.approx(np.percentile(body, [50, 90, 99]))
    assert kernels.ms == pytest.approx((1500, 1500, 1500))
    assert [t.ratio for t in found.timings] == pytest.approx([1, 24, 1.5])
    assert [t.throughput for t in found.timings] == pytest.approx([3, 3 / 24, 2])


@pytest.mark.parametrize("form", ["folded", "loop", "step"])
def test_every_form_is_run_and_profiled(ann, forms, form):
    found = benchmark(
        forms[form], ann, load_digits().test_images, batch=2, rounds=2, layers=True, threads=1, device="cpu"
    )
    assert (found.batch, found.rounds, found.threads, found.device) == (2, 2, 1, "cpu")
    assert set(found.nodes) == {"ann", "kernels"}
    ops = {node.op for node in found.nodes["kernels"]}
    assert ("OneSpikeNeuron" if form == "folded" else "RoundingIFNeuron") in ops
    assert "Loop" not in ops
    for nodes in found.nodes.values():
        assert sum(n.share for n in nodes) == pytest.approx(1)
        assert [n.ms for n in nodes] == sorted((n.ms for n in nodes), reverse=True)


def test_without_an_ann_there_are_no_ratios(forms):
    found = benchmark(forms["folded"], rounds=1, clock=ticking(cycle([1.0])), device="cpu")
    assert [(t.name, t.ratio) for t in found.timings] == [("body", None), ("kernels", None)]
    assert found.batch == 1


def test_json_has_all_of_it(ann, forms):
    clock = ticking(cycle([2.0]))
    found = benchmark(forms["step"], ann, rounds=1, batch=4, layers=True, clock=clock, device="cpu").to_json()
    assert list(found) == ["onnxruntime", "batch", "rounds", "threads", "device", "networks", "layers"]
    percentiles = {"p50": 2000, "p90": 2000, "p99": 2000}
    assert found["networks"] == [
        {"name": name, "ms": percentiles, "samples_per_second": 2, "ratio": 1} for name in ("ann", "body", "kernels")
    ]
    assert set(found["layers"]["kernels"][0]) == {"name", "op", "ms", "share"}
    json.dumps(found, allow_nan=False)


def test_the_body_runs_without_kernels(forms):
    from snncc.tools.bench.subjects import Subjects

    subjects = Subjects(forms["folded"], None, 1, "cpu")
    feeds = subjects.feeds(None, None, 2)
    body, kernels = ({node.op for node in subjects.profile(name, feeds)} for name in ("body", "kernels"))
    assert "OneSpikeNeuron" in kernels - body
    assert len(body) > len(kernels)


def test_integer_inputs_need_to_be_known():
    text = (
        '<ir_version: 10, opset_import: ["": 21]> bag (int64[N,7] x) => (float[N,4] y)'
        "<float[6,4] T = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24}, int64[1] i = {1}>"
        "{ e = Gather (T, x) p = ReduceMean <keepdims = 0> (e, i) r = Relu (p) y = Mul (r, r) }"
    )
    ann = parser.parse_model(text.replace("Mul (r, r)", "Neg (r)"))
    snn = snncc.convert(ann, snncc.FS(K=4), calibration=np.arange(6).repeat(7).reshape(6, 7))
    assert benchmark(snn, ann, rounds=1, batch=3, device="cpu").batch == 3
    with pytest.raises(DataError, match="integer inputs"):
        benchmark(snn, rounds=1)


@pytest.mark.parametrize("options", [{"batch": 0}, {"rounds": 0}, {"threads": -1}])
def test_options_out_of_range_are_refused(forms, options):
    with pytest.raises(OptionError, match=next(iter(options))):
        benchmark(forms["folded"], **options)


def test_what_does_not_fit_is_refused(ann, forms):
    images = load_digits().test_images[:3]
    with pytest.raises(DataError, match="3 samples for a batch of 4"):
        benchmark(forms["folded"], data=images, batch=4)
    with pytest.raises(ModelError, match="no spiking neurons"):
        benchmark(ann)
    with pytest.raises(ModelError, match="already converted"):
        benchmark(forms["folded"], forms["folded"])
    other = onnx.ModelProto()
    other.CopyFrom(ann)
    other.graph.input[0].name = other.graph.node[0].input[0] = "picture"
    with pytest.raises(ModelError, match="not converted from it"):
        benchmark(forms["step"], other)
    fixed = onnx.ModelProto()
    fixed.CopyFrom(forms["folded"])
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    assert benchmark(fixed, rounds=1).batch == 2
    with pytest.raises(OptionError, match="exactly 2 samples, not 5"):
        benchmark(fixed, batch=5)

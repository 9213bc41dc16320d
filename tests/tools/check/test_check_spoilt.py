# SPDX-License-Identifier: Apache-2.0
"""Corrupted converted models: the check concerned fails, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import snncc
from snncc.tools.check.run import run_checks

UNMEASURED = "not measured, because the model does not run"


def failed(results):
    return {r.name: r.message for r in results if not r.passed and r.message != UNMEASURED}


def hidden(model):
    return next(n for n in model.graph.node if n.op_type == "OneSpikeNeuron")


def weight(model, name):
    return next(t for t in model.graph.initializer if t.name == name)


def entry(key: str, change: Callable[[Any], None]) -> Callable[[onnx.ModelProto], None]:
    """A change of the metadata entry snncc.`key`."""

    def spoil(model):
        (found,) = [p for p in model.metadata_props if p.key == f"snncc.{key}"]
        value = json.loads(found.value)
        change(value)
        found.value = json.dumps(value)

    return spoil


def add_relu(model):
    last = model.graph.node[-1]
    name = last.output[0]
    last.output[0] = "before_relu"
    model.graph.node.append(helper.make_node("Relu", ["before_relu"], [name], name="late"))


def rename_neuron(model):
    hidden(model).name = "other"


def drop_bodies(model):
    del model.functions[:]


def newer_domain(model):
    next(o for o in model.opset_import if o.domain == "ai.snncc").version = 2


def strange_op(model):
    hidden(model).op_type = "MysteryNeuron"


def unsorted_graph(model):
    model.graph.node.insert(0, model.graph.node.pop())


def damage_metadata(model):
    next(p for p in model.metadata_props if p.key == "snncc.coding").value = "{"


def drop_metadata(model):
    model.metadata_props.remove(next(p for p in model.metadata_props if p.key == "snncc.calibration"))


def another_producer(model):
    model.producer_version = "0.0.1"


def other_table(model):
    next(a for a in hidden(model).attribute if a.name == "thresholds").floats[2] *= 1.01


def one_weight(model):
    conv = next(n for n in model.graph.node if n.op_type == "Conv")
    tensor = weight(model, conv.input[1])
    values = numpy_helper.to_array(tensor).copy()
    values[1, 2, 1, 0] *= 1.2
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def one_scale(model):
    tensor = weight(model, hidden(model).input[1])
    tensor.CopyFrom(numpy_helper.from_array(np.float32([1.02]), tensor.name))


def other_body(model):
    body = next(f for f in model.functions if f.name == "OneSpikeNeuron")
    next(n for n in body.node if "Y" in n.output).CopyFrom(helper.make_node("Identity", ["X"], ["Y"]))


SPOILT = {
    "a ReLU behind the output": (add_relu, "no-relu", "1 activation.* Relu 'late'"),
    "a neuron of another name": (rename_neuron, "metadata-neurons", r"'other' \(graph only\)"),
    "no function bodies": (drop_bodies, "bodies", "no function body for OneSpikeNeuron"),
    "another function body": (other_body, "kernel", "[1-9][0-9]* of 64 outputs|[1-9][0-9]* of 56 outputs"),
    "a domain that is newer": (newer_domain, "ops-known", "imports version 2"),
    "an unknown op": (strange_op, "ops-known", "MysteryNeuron"),
    "nodes out of order": (unsorted_graph, "valid", "topologically sorted"),
    "metadata that are no JSON": (damage_metadata, "metadata", "damaged"),
    "metadata that lack an entry": (drop_metadata, "metadata", "snncc.calibration missing"),
    "another version": (another_producer, "metadata", "by 0.0.1, another"),
    "another T": (entry("coding", lambda e: e.update(T=12)), "metadata-tables", "16 entries, T is 12"),
    "more spikes": (entry("coding", lambda e: e.update(spikes=2)), "metadata-tables", "may send 1 spikes, not 2"),
    "another threshold": (other_table, "metadata-tables", "thresholds is not what T, Q and shift give"),
    "another source": (entry("source", lambda e: e.update(sha256="0" * 64)), "metadata-source", "sha256 000000000000"),
    "a ReLU that is not there": (
        entry("neurons", lambda e: e["relu_1_neuron"].update(replaces="relu_99")),
        "metadata-relus",
        "for 'relu_99'",
    ),
    "another scale": (one_scale, "metadata-scales", "are within .1.0[0-9]*, 1.0[0-9]*., not .1.0, 1.0."),
    "scales of no range": (
        entry("neurons", lambda e: e["relu_1_neuron"].update(scale=[2, 1])),
        "metadata-scales",
        "said to be within .2, 1., which is no range",
    ),
    "another kind of neuron": (
        entry("neurons", lambda e: e["relu_1_neuron"].update(op="PhaseNeuron")),
        "metadata-scales",
        "is a OneSpikeNeuron, not a PhaseNeuron",
    ),
    "other weights": (one_weight, "weights", "not the ANN's, scaled: 'conv_0'"),
    "weights said to be int8": (
        entry("weights", lambda e: e.update(stored="int8")),
        "metadata-weights",
        r"stored as int8, but those of 'conv_0' \(float\)",
    ),
    "BatchNormalization elsewhere": (
        entry("weights", lambda e: e.update(fold_bn="nowhere")),
        "metadata-weights",
        "in 'nowhere', which snncc does not know",
    ),
    "another form": (entry("form", lambda e: e.update(form="loop")), "metadata-form", "said to be loop.* is folded"),
    "more steps": (entry("form", lambda e: e.update(steps=7)), "metadata-form", "7 steps, but the coding gives 1"),
    "an island that is not there": (
        entry("islands", lambda e: e.update(sin_5="Sin")),
        "metadata-islands",
        r"not have: 'sin_5' \(Sin\)",
    ),
    "fewer neurons": (
        entry("outcome", lambda e: e["neurons"].pop()),
        "metadata-outcome",
        "neurons are said to be .*, but there are .*1 PhaseNeuron",
    ),
    "more synapses": (
        entry("outcome", lambda e: e["synapses"].update(Conv=4)),
        "metadata-outcome",
        "4 Conv, 1 Gemm, but there are 3 Conv, 1 Gemm",
    ),
    "a factor that has gone": (
        entry("outcome", lambda e: e["scales"].update(left=["c_gain"])),
        "metadata-outcome",
        "'c_gain' are said to have stayed",
    ),
    "scales from nowhere": (
        entry("calibration", lambda e: e.update(origin="tea leaves")),
        "metadata-calibration",
        "'tea leaves', neither",
    ),
    "scales from no samples": (
        entry("calibration", lambda e: e.update(samples=0)),
        "metadata-calibration",
        "come from 0 samples",
    ),
    "scales from data without digest": (
        entry("calibration", lambda e: e.update(sha256=None)),
        "metadata-calibration",
        "come from data, and its sha256 to be None",
    ),
    "another normalisation": (
        entry("calibration", lambda e: e.update(normalize="country")),
        "metadata-calibration",
        "of 'country', which snncc does not know",
    ),
    "levels of another kind": (
        entry("calibration", lambda e: e.update(levels="guessed")),
        "metadata-calibration",
        "levels are said to be 'guessed'",
    ),
    "entries of another kind": (entry("islands", lambda e: e.update(x=[[]])), "metadata-islands", "'x'"),
}


def test_unspoilt_no_check_fails(ann, snn, images):
    assert failed(run_checks(snn, ann, images)) == {}


@pytest.mark.parametrize("name", SPOILT)
def test_the_right_check_fails(ann, snn, images, name):
    spoil, line, message = SPOILT[name]
    model = onnx.ModelProto()
    model.CopyFrom(snn)
    spoil(model)
    results = failed(run_checks(model, ann, images))
    assert set(results) == {line}
    assert re.search(message, results[line]), results[line]


OTHERS = {
    "weights said to be float": (
        {"weights": "int8"},
        snncc.FS(K=5),
        entry("weights", lambda e: e.update(stored="float")),
        "metadata-weights",
    ),
    "one scale for all": (
        {"weights": "int8"},
        snncc.Phase(T=9, Q=1.4),
        entry("weights", lambda e: e.update(stored="int8-tensor")),
        "metadata-weights",
    ),
    "turns of a loop": ({"form": "loop"}, snncc.Rate(T=6), entry("form", lambda e: e.update(chunk=3)), None),
    "folded": ({"form": "loop"}, snncc.MSAT(T=6), entry("form", lambda e: e.update(form="folded")), "metadata-form"),
    "scales that stay": (
        {"normalize": "none"},
        snncc.Rate(T=6),
        entry("neurons", lambda e: e["relu_4_neuron"].update(scale=[0.01, 0.02])),
        "metadata-scales",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_codings_and_options(pooled_ann, pooled_images, name):
    options, coding, spoil, line = OTHERS[name]
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images, **options)
    assert failed(run_checks(model, pooled_ann, pooled_images)) == {}
    spoil(model)
    found = set(failed(run_checks(model, pooled_ann, pooled_images)))
    # how many steps a turn of the loop has is what its neurons' tables say, too
    assert found == ({line} if line else {"metadata-form", "metadata-tables"})


def test_int8_weights_are_compared_up_to_rounding(pooled_ann, pooled_images):
    model = snncc.convert(pooled_ann, snncc.Phase(T=9, Q=1.4), calibration=pooled_images, weights="int8")
    stored = next(t for t in model.graph.initializer if t.name.endswith("_int8") and len(t.dims) == 4)
    values = numpy_helper.to_array(stored).copy()
    values[0, 0, 0, 0] = values[0, 0, 0, 0] // 2 + 60
    stored.CopyFrom(numpy_helper.from_array(values, stored.name))
    assert set(failed(run_checks(model, pooled_ann, pooled_images))) == {"weights"}

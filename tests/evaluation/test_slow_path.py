# SPDX-License-Identifier: Apache-2.0
"""Every number of `evaluate` against an independent slow reference, and its JSON against the schema."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import snncc
from tests.evaluation.slow import Stage, accuracy, conv, dense, executed, flattened, of_neurons, sin
from tests.evaluation.slow_energy import Costs, energy
from tests.evaluation.slow_firing import firing

SCHEMA = json.loads(files("snncc.evaluation").joinpath("evaluate.schema.json").read_text(encoding="utf-8"))
DOCS = Path(__file__).parents[2] / "docs" / "evaluate.md"
FLOAT32, INT8 = Costs(4.6, 0.9, 32), Costs(0.23, 0.03, 8)
WORK = [  # the layers of the pooled network by hand
    ("conv_0", "Conv", list(conv((2, 6, 6), (3, 6, 6), (3, 3), (1, 1)))),
    ("conv_3", "Conv", list(conv((3, 3, 3), (4, 3, 3), (3, 2), (1, 0)))),
    ("conv_5", "Conv", list(conv((4, 3, 3), (4, 3, 3), (1, 1), (0, 0)))),
    ("gemm_9", "Gemm", list(dense((4, 3, 3), 7))),
]
# coding, its options, (latency, interval, window, bits)
POOLED = {
    "phase": (snncc.Phase(T=9, Q=1.4), {}, (3 * 9 + 9, 9, 9, 4)),
    "phase, three spikes": (snncc.Phase(T=6, Q=1.6, spikes=3), {}, (3 * 6 + 6, 6, 6, 6)),
    "phase, waiting": (snncc.Phase(T=9, Q=1.4, wait=6), {}, (3 * 6 + 9, 9, 9, 4)),
    "phase, fitted levels": (snncc.Phase(T=9), {"levels": "fitted"}, (3 * 9 + 9, 9, 9, 4)),
    "phase, one spike of input": (snncc.Phase(T=6, Q=1.6, input="one"), {"normalize": "none"}, (4 * 6, 6, 6, 3)),
    "phase, int8": (snncc.Phase(T=9, Q=1.4), {"weights": "int8"}, (3 * 9 + 9, 9, 9, 4)),
    "few spikes": (snncc.FS(K=5), {}, (5 * 3, 10, 5, 5)),
    "few spikes, more than eight": (snncc.FS(K=10), {}, (10 * 3, 20, 10, 10)),
    "few spikes, binary input": (snncc.FS(K=5, input="binary"), {}, (5 * 4, 10, 5, 5)),
    "rate": (snncc.Rate(T=6, signed=False), {}, (6, 6, 6, 3)),
    "rate, signed": (snncc.Rate(T=6, signed=True), {}, (6, 6, 6, 3)),
    "rate, waiting": (snncc.Rate(T=6, wait=6), {}, (6 * 4, 12, 6, 3)),
    "MSAT": (snncc.MSAT(T=7), {}, (7, 7, 7, 3)),
}


def one_by_one(model, ann, images, labels: list[int], coding: str, facts: tuple[int, ...]) -> dict[str, Any]:
    """The report for the pooled network."""
    ours, theirs = executed(model, images), executed(ann, images)
    neurons = [n for n in model.graph.node if f"{n.name}:count" in ours]
    coded = neurons[0].name == "x_encoder"
    samples, (latency, interval, window, bits) = len(images), facts
    over_time = any(n.op_type == "Increase" for n in model.graph.node)
    counts = {n.name: ours[f"{n.name}:count"] for n in neurons}
    # time steps lie on the first axis; of slices, whose counts run on, the last holds all
    counts = {
        name: c.reshape(-1, samples, *c.shape[1:]) if over_time else c[-samples:][None] for name, c in counts.items()
    }
    *encoder, first, second, third = (c.sum(axis=0) for c in counts.values())
    passed = first
    if over_time:
        increase = next(n.output[0] for n in model.graph.node if n.op_type == "Increase")
        passed = (ours[increase] != 0).reshape(window, samples, 3, 3, 3).sum(axis=0)
    arriving = [(encoder[0],) * 2 if coded else (None, None), (passed, first), (second, second), (third, third)]
    stages = [Stage(*layer, *spikes) for layer, spikes in zip(WORK, arriving, strict=True)]
    identities = [identity(model, second)]
    if over_time:
        currents = {"name": neurons[0].name, "op": neurons[0].op_type, "snn_synaptic": 0.0}
        identities.insert(0, {**currents, "snn_current": window * 3 * 6 * 6, "size": 3 * 6 * 6})
    steps = counts if over_time else {n.name: firing(n, ours) for n in neurons}
    layers = [
        of_neurons(name, c, window, encoder=name == "x_encoder", by_step=steps[name]) for name, c in counts.items()
    ]
    names = [n.name for n in neurons if n.name != "x_encoder"]
    relus = dict(zip(names, ("c1" if over_time else "p1", "c2", "s"), strict=True))  # the pool is after, or in front
    silent = {name: (counts[name], theirs[relus[name]]) for name in names}
    return {
        **accuracy(theirs["y"], ours["y"], labels),
        "spikes": spikes_of([x for x in layers if not x["encoder"]], [x for x in layers if x["encoder"]], window),
        "sin": sin(silent) if coding in ("rate", "msat") else None,
        "operations": {
            "ann_macs": sum(s.macs for s in stages),
            "snn_macs": 0 if coded else stages[0].macs,
            "snn_synaptic": sum(s.additions for s in stages) + sum(i["snn_synaptic"] for i in identities),
            "spike_share": sum(s.macs for s in stages if s.rate is not None) / sum(s.macs for s in stages),
            "snn_synaptic_formula": sum(s.macs * s.rate for s in stages if s.rate is not None),
            "snn_current": sum(i["snn_current"] for i in identities),
            "snn_levels": 0,
        },
        "weights": "int8" if any(n.op_type == "DequantizeLinear" for n in model.graph.node) else "float",
        "few_bits": bits,
        "energy": {
            name: energy(stages, identities, layers, costs, window, bits)
            for name, costs in (("float32", FLOAT32), ("int8", INT8))
        },
        "latency": {
            "steps": latency,
            "interval_steps": interval,
            "samples_per_step": 1 / interval,
            "batch": samples,
        },
        "neuron_layers": layers,
        "synaptic_layers": [synapses(stage) for stage in stages],
        "identity_layers": [arrivals(i) for i in identities],
    }


def identity(model: onnx.ModelProto, spikes: np.ndarray) -> dict[str, Any]:
    """Where the residual sum is: in a neuron, or in a node of its own."""
    sums = [n for n in model.graph.node if n.op_type == "ResidualOneSpikeNeuron" or n.name == "add_6"]
    made = sum(int(s) for s in spikes.ravel()) / len(spikes)
    return {"name": sums[0].name, "op": sums[0].op_type, "snn_synaptic": made, "snn_current": 0, "size": 36}


def spikes_of(hidden: list[dict], coded: list[dict], window: int) -> dict[str, Any]:
    each = sum(x["spikes"] for x in hidden) / sum(x["neurons"] for x in hidden)
    sent = sum(x["spikes"] for x in coded)
    each_step = [x["spikes_per_step"] for x in hidden]
    return {
        "neurons": sum(x["neurons"] for x in hidden),
        "per_neuron": each,
        "per_neuron_and_step": each / window,
        "share_per_step": [sum(x) / sum(y["neurons"] for y in hidden) for x in zip(*each_step, strict=True)],
        "max": max(x["max"] for x in hidden),
        "bits_per_spike": 0.0,
        "gates": 0,
        "per_gate": 0,
        "input": sent,
        "input_per_value": sent / 72,
    }


def synapses(stage: Stage) -> dict[str, Any]:
    made = 0 if stage.arriving is not None else stage.macs
    spent = {
        name: {
            "ann_nj": stage.macs * costs.mac / 1e3,
            "snn_nj": (made * costs.mac + stage.additions * costs.ac) / 1e3,
        }
        for name, costs in (("float32", FLOAT32), ("int8", INT8))
    }
    found = {"name": stage.name, "op": stage.op, "macs": stage.macs, "spikes_per_input": stage.rate}
    return {**found, "snn_macs": made, "snn_synaptic": stage.additions, "snn_current": 0, "energy": spent}


def arrivals(found: dict[str, Any]) -> dict[str, Any]:
    added = found["snn_synaptic"] + found["snn_current"]
    spent = {name: {"snn_nj": added * c.ac / 1e3} for name, c in (("float32", FLOAT32), ("int8", INT8))}
    return {**{key: found[key] for key in ("name", "op", "snn_synaptic", "snn_current")}, "energy": spent}


@pytest.mark.parametrize("name", POOLED)
def test_every_number_is_reproduced(pooled_ann, pooled_images, name):
    coding, options, facts = POOLED[name]
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images, **options)
    labels = [3, 0, 6, 2, 5]
    found = snncc.evaluate(model, pooled_ann, pooled_images, labels=labels, phases=True).to_json()
    measured = found["latency"].pop("ms_per_sample")  # the only number that no count can give
    assert min(measured.values()) > 0
    expected = flattened(one_by_one(model, pooled_ann, pooled_images, labels, coding.name, facts))
    given = flattened(found)
    assert set(given) == set(expected)
    for place, value in expected.items():
        close = 1e-3 if place == "/output_error" else 1e-9
        assert given[place] == (pytest.approx(value, rel=close) if isinstance(value, float) else value), place


@pytest.mark.parametrize("name", ["phase", "few spikes", "rate", "MSAT"])
def test_the_report_fits_its_schema(pooled_ann, pooled_images, name):
    jsonschema = pytest.importorskip("jsonschema")
    coding, options, _ = POOLED[name]
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images, **options)
    for labels in (None, [0] * 5):
        phases = labels is not None
        found = snncc.evaluate(model, pooled_ann, pooled_images, labels=labels, phases=phases).to_json()
        jsonschema.validate(json.loads(json.dumps(found)), SCHEMA, jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_is_missing_or_new(ann, snn, images):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = snncc.evaluate(snn, ann, images).to_json()
    without = {key: value for key, value in found.items() if key != "energy"}
    for wrong in (without, {**found, "more": 1}, {**found, "agreement": 2}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


def test_a_model_that_says_nothing_of_its_coding_fits_the_schema(pooled_ann, pooled_images):
    jsonschema = pytest.importorskip("jsonschema")
    model = snncc.convert(pooled_ann, snncc.FS(K=5), calibration=pooled_images)
    del model.metadata_props[:]
    found = snncc.evaluate(model, pooled_ann, pooled_images)
    as_json = found.to_json()
    jsonschema.validate(as_json, SCHEMA)
    assert as_json["latency"]["steps"] is as_json["few_bits"] is as_json["spikes"]["per_neuron_and_step"] is None
    assert as_json["energy"]["float32"]["with_memory"] == {"reuse": None, "no_reuse": None}
    assert ("latency (time steps)", "", "unknown") in found.rows()
    assert not any("memory" in row[0] for row in found.rows())


def leaves(schema: dict[str, Any]) -> set[str]:
    """The names of all properties."""
    own = set(schema.get("properties", {}))
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    return own.union(*(leaves(x) for x in inner), *(leaves(x) for x in schema.get("anyOf", [])))


def test_every_field_is_documented():
    documented = set(re.findall(r"`(\w+)`", DOCS.read_text(encoding="utf-8")))
    assert leaves(SCHEMA) - documented == set()

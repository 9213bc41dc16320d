# SPDX-License-Identifier: Apache-2.0
"""Slow reference for the results of `evaluate`: one connection at a time, in plain loops.

Nothing of the evaluation is used: networks run node by node in onnx's reference and in the ops' own, geometry is given
by hand, and every cost is written down again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from snncc import ops

__all__ = ["Stage", "accuracy", "conv", "dense", "executed", "flattened", "of_neurons", "sin"]

Place = tuple[int, ...]
Connection = tuple[Place, Place, Place]  # (input, output, weight)


def executed(model: onnx.ModelProto, images: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a model, and as "neuron:count" how often each neuron fires; nodes one after another."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer} | {"x": images}
    for node in model.graph.node:
        if node.domain == "ai.snncc":
            inputs, op = [values[name] for name in node.input], ops.get(node.op_type)
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            given = dict(zip((p.name for p in op.outputs), op.reference(inputs, attributes), strict=False))
            values[node.output[0]] = given["Y"]
            if "count" in given:
                values[f"{node.name}:count"] = given["count"]
        else:
            declared = [helper.make_tensor_value_info(n, values_type(values[n]), None) for n in node.input if n]
            outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
            graph = helper.make_graph([node], "one", declared, outputs)
            one = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
            found = ReferenceEvaluator(one).run(None, {n: values[n] for n in node.input if n})
            values |= dict(zip(node.output, found, strict=True))
    return values


def values_type(array: np.ndarray) -> int:
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def conv(
    inputs: Place, outputs: Place, kernel: Place, pads: Place, *, stride: int = 1, group: int = 1
) -> Iterator[Connection]:
    """The connections of a convolution from [C, H, W] to [C, H, W]; pads are (top, left)."""
    into, out_of = inputs[0] // group, outputs[0] // group
    for place in product(*map(range, outputs)):
        for channel, row, column in product(range(into), *map(range, kernel)):
            y, x = place[1] * stride + row - pads[0], place[2] * stride + column - pads[1]
            if 0 <= y < inputs[1] and 0 <= x < inputs[2]:
                source = (place[0] // out_of * into + channel, y, x)
                yield source, place, (place[0], channel, row, column)


def dense(inputs: Place, outputs: int) -> Iterator[Connection]:
    """The connections of a Gemm from all of [C, H, W], flattened."""
    for index, source in enumerate(product(*map(range, inputs))):
        for target in range(outputs):
            yield source, (target,), (index, target)


@dataclass
class Stage:
    """A layer of synapses: its connections; what arrives, [N, …], None for analog values; the neurons that feed it."""

    name: str
    op: str
    connections: Sequence[Connection]
    arriving: np.ndarray | None = None
    feeding: np.ndarray | None = None

    @property
    def macs(self) -> int:
        return sum(1 for _ in self.connections)

    def distinct(self, end: int) -> int:
        """How many inputs (0), outputs (1) or weights (2) there are."""
        return len({connection[end] for connection in self.connections})

    @property
    def additions(self) -> float:
        """One for each spike and connection, per sample."""
        if self.arriving is None:
            return 0.0
        made = sum(int(sample[source]) for sample in self.arriving for source, _, _ in self.connections)
        return made / len(self.arriving)

    @property
    def rate(self) -> float | None:
        return None if self.feeding is None else float(self.feeding.mean())


def accuracy(ann: np.ndarray, snn: np.ndarray, labels: Sequence[int]) -> dict[str, Any]:
    """Answers of both networks, sample by sample."""
    right = {"top1": [0, 0], "top5": [0, 0]}
    same = wrong = size = 0.0
    for ours, theirs, label in zip(snn, ann, labels, strict=True):
        for column, scores in enumerate((theirs, ours)):
            order = sorted(range(len(scores)), key=lambda i: -scores[i])
            right["top1"][column] += order[0] == label
            right["top5"][column] += label in order[:5]
        same += int(np.argmax(ours)) == int(np.argmax(theirs))
        wrong += sum(abs(float(a) - float(b)) for a, b in zip(ours, theirs, strict=True))
        size += sum(abs(float(b)) for b in theirs)
    shares = {key: {"ann": 100 * a / len(labels), "snn": 100 * b / len(labels)} for key, (a, b) in right.items()}
    drop = shares["top1"]["ann"] - shares["top1"]["snn"]
    return {
        "samples": len(labels),
        "accuracy_percent": {**shares, "drop_points": drop},
        "agreement": same / len(labels),
        "output_error": wrong / size,
    }


def of_neurons(name: str, counts: np.ndarray, window: int, *, encoder: bool, by_step: np.ndarray) -> dict[str, Any]:
    """A layer of neurons from its spikes, [T, N, …], where T = 1 for values; `by_step` has them step by step."""
    steps, samples = counts.shape[:2]
    spikes = peak = 0
    for place in product(*map(range, counts.shape[2:])):
        for sample in range(samples):
            sent = sum(int(counts[(t, sample, *place)]) for t in range(steps))
            spikes, peak = spikes + sent, max(peak, sent)
    neurons = int(np.prod(counts.shape[2:]))
    each = spikes / samples / neurons
    found = {
        "name": name,
        "encoder": encoder,
        "gate": False,
        "neurons": neurons,
        "spikes": spikes / samples,
        "per_neuron": each,
        "per_neuron_and_step": each / window,
        "max": peak,
    }
    per_step = [sum(int(x) for x in now.ravel()) / samples for now in by_step]
    return {**found, "spikes_per_step": per_step, "share_per_step": [sent / neurons for sent in per_step]}


def sin(layers: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Spikes [T, N, …] of neurons whose ReLU has the negative pre-activation [N, …]."""
    found = []
    fired_at_all = sent_at_all = neurons_at_all = 0.0
    for name, (counts, potentials) in layers.items():
        steps, samples = counts.shape[:2]
        neurons = counts[0, 0].size
        assert potentials.shape == counts.shape[1:]
        fired, per_step = 0, [0] * steps
        for place in product(*map(range, counts.shape[1:])):
            if potentials[place] < 0:
                spikes = [int(counts[(t, *place)]) for t in range(steps)]
                fired += any(spikes)
                per_step = [a + b for a, b in zip(per_step, spikes, strict=True)]
        share = samples * neurons
        layer = {"name": name, "ratio": fired / share, "ans": sum(per_step) / share}
        found.append({**layer, "ratio_per_step": [s / share for s in per_step]} if steps > 1 else layer)
        fired_at_all, sent_at_all = fired_at_all + fired / samples, sent_at_all + sum(per_step) / samples
        neurons_at_all += neurons
    return {"ratio": fired_at_all / neurons_at_all, "ans": sent_at_all / neurons_at_all, "layers": found}


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of JSON values by where they are."""
    if isinstance(value, dict):
        return {k: v for key, x in value.items() for k, v in flattened(x, f"{path}/{key}").items()}
    if isinstance(value, list):
        return {f"{path}#": len(value)} | {
            k: v for i, x in enumerate(value) for k, v in flattened(x, f"{path}/{i}").items()
        }
    return {path: value}

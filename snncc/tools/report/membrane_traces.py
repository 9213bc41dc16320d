# SPDX-License-Identifier: Apache-2.0
"""Membrane potentials of one sample per step, computed from the neurons' inputs and spikes.

In units of the neuron's scale, after the step's spike. V_t = V_(t-1) + charge - reset: a constant potential that spikes
reduce in phase and few-spikes coding, a current at each step in rate coding and MSAT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from snncc.analysis.cpu_session import must_run
from snncc.analysis.network_view import Network
from snncc.errors import OptionError
from snncc.execution.spike_trains import Train
from snncc.execution.spike_trains.reproducible import folded_form, reproducible_session
from snncc.io.batches import Batch
from snncc.ir.nodes import attributes_of, is_neuron, label
from snncc.ops import get
from snncc.ops.arrays import Array
from snncc.ops.few_spikes import FEW_SPIKES

__all__ = ["membranes", "potential"]


def membranes(model: onnx.ModelProto, sample: Batch, trains: Mapping[str, Train], device: str) -> dict[str, Array]:
    """By neuron node: its layer's potentials [T, …]; `trains` has, by node, the spikes for the one `sample`."""
    folded = folded_form(model)
    network = Network(folded, {name: array.shape[1:] for name, array in sample.items()})
    wanted = [n for n in folded.graph.node if is_neuron(n) and label(n) in trains]
    computed = {out for n in folded.graph.node for out in n.output}
    names = sorted({name for n in wanted for name in n.input if name in computed and network.value(name) is None})
    probed = onnx.ModelProto()
    probed.CopyFrom(folded)
    known = {value.name for value in probed.graph.output}
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    with must_run("the network"):
        values = dict(zip(names, reproducible_session(probed, device).run(names, sample), strict=True)) if names else {}
    values |= sample
    found = {}
    for node in wanted:
        given = {
            p.name: values[name] if name in values else network.value(name)
            for p, name in zip(get(node.op_type).inputs, node.input, strict=False)
        }
        found[label(node)] = potential(node.op_type, given, attributes_of(node), trains[label(node)])
    return found


def potential(op: str, given: Mapping[str, Any], attributes: Mapping[str, Any], train: Train) -> Array:
    """Potentials of one layer, [T, …]; `given` are its op's inputs by name.

    Raises:
        OptionError: the train holds more than one sample.
    """
    if train.shape[1] != 1:
        raise OptionError(f"potentials are those of one sample, but the spikes are of {train.shape[1]}. Record one.")
    spikes = train.spikes()[:, 0]
    scale = np.asarray(given["scale"], np.float64)
    charge = np.asarray(given["X"], np.float64)
    if "residual" in given:
        charge = charge + np.asarray(given["residual"], np.float64) * np.asarray(given["weight"], np.float64)
    charge = charge / scale
    if train.sends == "steps":
        start = np.asarray(given["V"], np.float64).reshape(-1)[0] if "V" in given else 0.0
        taken = train.sent().astype(np.float64) / scale
        return np.asarray(start + np.cumsum(charge + attributes.get("bias", 0.0) - taken, axis=0))
    if op == FEW_SPIKES.name:
        taken = _by_step(attributes["resets"]).reshape(-1, *[1] * (spikes.ndim - 1)) * spikes
        return np.asarray(charge[0] + attributes["initial"] - np.cumsum(taken, axis=0))
    return _phases(np.abs(charge) if attributes.get("signed") else charge, spikes, train)


def _phases(arrived: Array, spikes: Array, train: Train) -> Array:
    """Until it first fires, a neuron's potential is its input so far; then it is the remainder after its spikes."""
    assert train.worth is not None
    rest, sent, found = arrived[0], np.zeros(arrived.shape[1:], np.bool_), []
    for phase, fired in enumerate(spikes):
        rest = np.where(sent, rest, arrived[min(phase, len(arrived) - 1)]) - fired * float(train.worth[phase])
        sent = sent | fired
        found.append(rest)
    return np.array(found)


def _by_step(values: Any) -> Array:
    return np.asarray(values, np.float64)

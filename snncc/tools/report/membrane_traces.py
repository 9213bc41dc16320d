# SPDX-License-Identifier: Apache-2.0
"""Membrane potentials of one sample per step, computed from the neurons' inputs and spikes.

In units of the neuron's scale, after the step's spike, by the rule that the op declares (`OpDef.membrane`).
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
from snncc.ops.spike_rules import Activity

__all__ = ["membranes", "potential"]


def membranes(model: onnx.ModelProto, sample: Batch, trains: Mapping[str, Train], device: str) -> dict[str, Array]:
    """By neuron node: its layer's potentials [T, …], for ops that declare them.

    `trains` has, by node, the spikes for the one `sample`.
    """
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
        traces = potential(node.op_type, given, attributes_of(node), trains[label(node)])
        if traces is not None:
            found[label(node)] = traces
    return found


def potential(op: str, given: Mapping[str, Any], attributes: Mapping[str, Any], train: Train) -> Array | None:
    """Potentials of one layer, [T, …]; `given` are its op's inputs by name. None: the op declares none.

    Raises:
        OptionError: the train holds more than one sample.
    """
    if train.shape[1] != 1:
        raise OptionError(f"potentials are those of one sample, but the spikes are of {train.shape[1]}. Record one.")
    definition = get(op)
    if definition.membrane is None:
        return None
    exact = {name: np.asarray(value, np.float64) for name, value in given.items()}
    scale, states = exact["scale"], {name: float(exact[name].reshape(-1)[0]) for name in definition.states}
    arriving = definition.arriving(exact) / scale
    sent = train.sent().astype(np.float64) / scale if train.sends == "steps" else train.values_by_step()[:, 0]
    return definition.membrane(Activity(arriving, sent, train.spikes()[:, 0], states), attributes)

# SPDX-License-Identifier: Apache-2.0
"""`snncc inspect`: print the coding and neurons of a converted model, or the convertibility of any other model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.feasibility_table import sentences
from snncc.cli.output import number, print_json, print_table, print_text
from snncc.cli.shared_options import FILE, json_flag
from snncc.cli.summary_table import print_outcome

if TYPE_CHECKING:
    import onnx

__all__ = ["inspect"]

_MOST = 4  # entries of a list that are shown
_COLUMNS = ("Q", "levels", "steps")  # what neurons of a layer may have for themselves
_OWN = (*_COLUMNS, "fine")  # and what the table has no room for


@click.command(short_help="Say what a model is, and whether it would convert.")
@click.argument("file", type=FILE)
@json_flag
def inspect(file: Path, as_json: bool) -> None:
    """Say what FILE is: coding, neurons and scales of a converted model; else whether it would convert."""
    from snncc.execution.converted_model import check_converted_model
    from snncc.io.model_reader import read_model
    from snncc.ir.nodes import all_nodes
    from snncc.ops import DOMAIN

    model = read_model(file)
    if any(n.domain == DOMAIN for n in all_nodes(model.graph)):
        check_converted_model(model, str(file))
    found = _common(file, model)
    found |= _converted(model) if found["converted"] else _plain(file)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _common(file: Path, model: onnx.ModelProto) -> dict[str, Any]:
    from snncc.io.input_specs import specs_of
    from snncc.ir.metadata import metadata_of
    from snncc.ir.nodes import all_nodes
    from snncc.ops import DOMAIN

    states = metadata_of(model).get("snncc.form", {}).get("states", [])
    taken, left = ({s[key] for s in states} for key in ("input", "output"))
    return {
        "file": str(file),
        "converted": any(n.domain == DOMAIN for n in all_nodes(model.graph)),
        "opsets": {o.domain or "ai.onnx": o.version for o in model.opset_import},
        "inputs": [str(s) for s in specs_of(model) if s.name not in taken],
        "outputs": [o.name for o in model.graph.output if o.name not in left],
        "states": len(states),
        "ops": dict(sorted(Counter(n.op_type for n in all_nodes(model.graph) if n.op_type != "Constant").items())),
    }


def _plain(file: Path) -> dict[str, Any]:
    from snncc.compiler.feasibility import feasibility
    from snncc.evaluation.spike_share import spike_share

    found = feasibility(file, spike_share)
    reasons = [] if found.analog else list(dict.fromkeys(found.refused.values()))
    return {
        "convertible": bool(found.analog),
        "obstacles": [line.strip() for reason in reasons for line in reason.splitlines()],
        "analog": found.analog,
        "refused": found.refused if found.analog else {},
        "recurrent": found.recurrent,
        "spike_share": found.measured,
    }


def _converted(model: onnx.ModelProto) -> dict[str, Any]:

    from snncc.analysis.time_stacking import fold_of
    from snncc.evaluation.spike_share import spike_share
    from snncc.ir.metadata import metadata_of
    from snncc.ir.nodes import all_nodes, is_neuron
    from snncc.storage.mapped import array_of

    metadata = metadata_of(model)
    loops = [a.g for n in model.graph.node for a in n.attribute if a.HasField("g")]
    weights = {t.name: t for graph in (model.graph, *loops) for t in graph.initializer}
    recorded, became = metadata.pop("snncc.neurons", {}), metadata.pop("snncc.outcome", None)
    loops_of = metadata.get("snncc.recurrent", {}).values()
    recorded |= {gate: {"replaces": entry["replaces"]} for entry in loops_of for gate in entry["gates"]}
    neurons = []
    for node in filter(is_neuron, all_nodes(model.graph)):
        known = recorded.get(node.name, {})
        own = array_of(weights[node.input[1]]) if node.input[1] in weights else None
        kept = None if own is None else [float(own.min()), float(own.max())]
        entry = {"name": node.name, "op": node.op_type, "replaces": known.get("replaces")}
        # What calibration found; most of it lies in the weights by now, and the neuron's own scale is 1.
        entry |= {"scale_range": known.get("scale") or kept}
        neurons.append(entry | {key: known[key] for key in _OWN if key in known})
    fold = fold_of(model)
    rows = {"holds": fold.kind, "count": fold.count} if fold.kind and fold.count > 1 else None
    share = spike_share(model)
    return {"metadata": metadata, "batch_axis": rows, "outcome": became, "spike_share": share, "neurons": neurons}


def _print(found: dict[str, Any]) -> None:
    kind = "a converted model" if found["converted"] else "a network that is not converted"
    opsets = ", ".join(f"{domain} {version}" for domain, version in found["opsets"].items())
    print_text(f"{found['file']}: {kind}\ninputs {', '.join(found['inputs'])}\noutputs {', '.join(found['outputs'])}")
    if found["states"]:
        print_text(f"and {found['states']} states, in and out: see the metadata entry snncc.form")
    print_text(f"opsets {opsets}\n")
    print_table("Nodes", ("op", "count"), found["ops"].items())
    if not found["converted"]:
        print_text(
            sentences(found["analog"], found["recurrent"], found["refused"], found["spike_share"])
            if found["convertible"]
            else "\n".join(found["obstacles"])
        )
        return
    if rows := found["batch_axis"]:
        what = "time steps of each sample" if rows["holds"] == "steps" else "slices of each sample's values"
        print_text(f"Within, the batch axis stacks {rows['count']} {what}.\n")
    print_outcome(found["outcome"], found["spike_share"])
    print_table("Metadata", ("key", "value"), _flat(found["metadata"]), right=False)
    own = [key for key in _COLUMNS if any(key in n for n in found["neurons"])]
    rows = [(n["name"], n["op"], _scale(n), *(_levels(n.get(key)) for key in own)) for n in found["neurons"]]
    print_table("Neurons", ("name", "op", "scale", *own), rows, right=False)


def _flat(metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A line per value that is set; of a digest, the start."""
    for key, value in metadata.items():
        parts = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        for name, part in parts.items():
            if part is not None:
                short = f"{part[:16]}…" if name.endswith(".sha256") and isinstance(part, str) else _short(part)
                yield name.removeprefix("snncc."), short


def _short(value: Any) -> str:
    """A value; of a long list or a table, its length."""
    return f"{len(value)} of them" if isinstance(value, dict | list) and len(value) > _MOST else str(value)


def _levels(own: Any) -> Any:
    """A base, or the first and the last of many levels."""
    return f"{own[0]:.3g} … {own[-1]:.2g}" if isinstance(own, list) else own


def _scale(neuron: dict[str, Any]) -> str:
    if neuron["scale_range"] is None:
        return "computed"
    low, high = neuron["scale_range"]
    return number(low) if low == high else f"{number(low)} … {number(high)}"

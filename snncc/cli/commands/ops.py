# SPDX-License-Identifier: Apache-2.0
"""`snncc ops`: reference of the neuron ops, generated from their definitions."""

from __future__ import annotations

from typing import Any

import click

from snncc.cli.output import print_json, print_table, print_text
from snncc.errors import OptionError

__all__ = ["ops"]

_HEADING = """# Ops of domain {domain}

Made by `snncc ops --markdown`. Converted models carry each op's definition in standard ONNX, so that they run anywhere;
with the native library a kernel takes over, with the same spikes. T is float, float16 or double. Attributes are always
given.

"""


@click.command(short_help="List the neuron ops, or describe one.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--markdown", is_flag=True, help="Print Markdown instead of tables: docs/ops.md is made so.")
def ops(name: str | None, as_json: bool, markdown: bool) -> None:
    """List the neuron ops of domain ai.snncc, or describe the one called NAME."""
    from snncc.ops import DOMAIN, all_ops

    known = {op.name: op for op in all_ops()}
    if name is not None and name not in known:
        raise OptionError(f"there is no op '{name}' in {DOMAIN}. The ops are {', '.join(known)}.")
    found = [_described(op) for op in known.values() if name in (None, op.name)]
    if as_json:
        print_json(found if name is None else found[0])
    elif markdown:
        click.echo(_HEADING.format(domain=DOMAIN) + "\n".join(map(_markdown, found)), nl=False)
    elif name is None:
        rows = [(op["name"], op["since"], op["doc"]) for op in found]
        print_table(f"Ops of domain {DOMAIN}", ("op", "since", "what it computes"), rows, right=False)
    else:
        _print_op(found[0])


def _described(op: Any) -> dict[str, Any]:
    def parameters(group: Any) -> list[dict[str, Any]]:
        return [{"name": p.name, "type": p.type, "optional": p.optional, "doc": p.doc} for p in group]

    attributes = [{"name": a.name, "type": a.type.name, "doc": a.doc} for a in op.attributes]
    return {
        "name": op.name,
        "since": op.since,
        "doc": op.doc,
        "neuron": op.neuron,
        "batch_axis": op.stacks or None,
        "states": dict(op.states),
        "inputs": parameters(op.inputs),
        "outputs": parameters(op.outputs),
        "attributes": attributes,
    }


def _markdown(op: dict[str, Any]) -> str:
    """A section of the reference."""
    kind = _kind(op)
    first = f"{kind[0].upper()}{kind[1:]}; since version {op['since']}."
    parts = [f"## {op['name']}\n\n{first}\n\n{_plain(op['doc'])}\n"]
    for group in ("inputs", "outputs", "attributes"):
        rows = [f"| `{p['name']}` | {_type(p)} | {_plain(p['doc'])} |" for p in op[group]]
        if rows:
            parts.append("\n".join([f"| {group} | type | meaning |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _plain(text: str) -> str:
    """`text` without the signs that Markdown would read."""
    return "".join(f"\\{c}" if c in "*_|<" else c for c in text)


def _kind(op: dict[str, Any]) -> str:
    kind = "a neuron" if op["neuron"] else "arithmetic between neurons"
    return f"{kind}, {op['batch_axis']} stacked on the batch axis" if op["batch_axis"] else kind


def _type(parameter: dict[str, Any]) -> str:
    return str(parameter["type"]) + (", optional" if parameter.get("optional") else "")


def _print_op(op: dict[str, Any]) -> None:
    print_text(f"{op['name']}, since version {op['since']}: {_kind(op)}\n\n{op['doc']}\n")
    for group in ("inputs", "outputs", "attributes"):
        rows = [(p["name"], _type(p), p["doc"]) for p in op[group]]
        if rows:
            print_table(group, ("name", "type", "meaning"), rows, right=False)

# SPDX-License-Identifier: Apache-2.0
"""Share of run time per node, from onnxruntime's profiler."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snncc.errors import ModelError
from snncc.ir.op_sets import CONTROL_FLOW

__all__ = ["NodeTime", "node_times", "read_profile"]

_ENDING = "_kernel_time"
_RUN = "model_run"  # of a session


@dataclass(frozen=True)
class NodeTime:
    """Mean time of a node in one run, with its name in onnxruntime, which may have fused several nodes into it.

    Attributes:
        name, op: The node.
        ms: Milliseconds in one run, all calls of it together.
        share: Of the time of all nodes.
    """

    name: str
    op: str
    ms: float
    share: float


def read_profile(path: Path) -> list[Any]:
    """The events of a profile written by onnxruntime; older versions leave control characters in names.

    Raises:
        ModelError: names have quotes, which older versions of onnxruntime do not escape.
    """
    try:
        found: list[Any] = json.loads(path.read_text(encoding="utf-8"), strict=False)
    except json.JSONDecodeError as error:
        message = f"onnxruntime's profile cannot be read ({error}): names of nodes have quotes or backslashes in them"
        raise ModelError(f"{message}. Leave --layers out, or update onnxruntime.") from error
    return found


def node_times(events: Sequence[Mapping[str, Any]], runs: int) -> tuple[NodeTime, ...]:
    """The nodes in `events` of this many equal runs, the slowest first; nodes that only contain others are left out.

    The first run, at least one more must follow, does not count: memory is found and shapes are settled in it.
    """
    starts = sorted(event["ts"] for event in events if event.get("name") == _RUN)
    warm = starts[len(starts) // runs]
    micros: defaultdict[tuple[str, str], float] = defaultdict(float)
    for event in events:
        name, op = str(event.get("name", "")), event.get("args", {}).get("op_name")
        if event.get("cat") == "Node" and name.endswith(_ENDING) and op not in CONTROL_FLOW and event["ts"] >= warm:
            micros[name.removesuffix(_ENDING), str(op)] += event["dur"]
    total = sum(micros.values()) or 1.0
    ranked = sorted(micros.items(), key=lambda item: -item[1])
    return tuple(NodeTime(name, op, taken / 1e3 / (runs - 1), taken / total) for (name, op), taken in ranked)

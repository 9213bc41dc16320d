# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from snncc.errors import ModelError
from snncc.tools.bench.profile import NodeTime, node_times, read_profile


def event(name: str, op: str, ts: int, dur: int) -> dict[str, object]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": op}}


def test_calls_of_a_node_are_added_up_and_the_first_run_is_left_out():
    events = [{"cat": "Session", "name": "model_run", "ts": ts, "dur": 90} for ts in (0, 100, 200)]
    for start, slow in ((0, 50), (100, 2), (200, 4)):
        events += [event("conv", "Conv", start + 1, 3 * slow), event("loop", "Loop", start + 9, 10 * slow)]
        events += [event("fire", "IFNeuron", start + turn, slow) for turn in (10, 20)]
    events.append({"cat": "Node", "name": "conv_fence_before", "ts": 250, "dur": 1000, "args": {"op_name": "Conv"}})
    assert node_times(events, 3) == (NodeTime("conv", "Conv", 0.009, 0.6), NodeTime("fire", "IFNeuron", 0.006, 0.4))


def test_names_that_the_profile_does_not_escape(tmp_path) -> None:
    """As onnxruntime 1.20 writes them."""
    path = tmp_path / "profile.json"
    path.write_text('[{"name": "a\x1b[2Jb\n", "dur": 1}]', encoding="utf-8")
    assert read_profile(path) == [{"name": "a\x1b[2Jb\n", "dur": 1}]
    path.write_text('[{"name": "a"b", "dur": 1}]', encoding="utf-8")
    with pytest.raises(ModelError, match=r"names of nodes have quotes .* Leave --layers out"):
        read_profile(path)

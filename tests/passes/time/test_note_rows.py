# SPDX-License-Identifier: Apache-2.0
"""Tests of note-rows."""

from __future__ import annotations

import pytest

from snncc.analysis.trial import shape_only, trials
from snncc.errors import UnsupportedShapeError
from snncc.passes.time.note_rows import NoteRows
from tests.passes.time.row_networks import ROWS, graph_of


def test_rows_of_samples_are_told_from_tables(build, ops) -> None:
    graph = graph_of(build, ROWS)
    before = ops(graph.to_proto())
    noted = NoteRows(4)
    assert noted.run(graph) == 0
    assert noted.rows == {"q"}
    assert ops(graph.to_proto()) == before
    noted.run(graph)
    assert noted.rows == {"q"}
    none = NoteRows(1)
    none.run(graph)
    assert not none.rows


def test_what_cannot_be_measured_is_refused(build) -> None:
    body = "net (float[N,L] x) => (float[5,7] y) <int64[2] s = {5, 7}, float[1,1] c = {1}> "
    body += "{ r = Reshape (x, s) k = Shape (r) p = Expand (c, k) y = Add (r, p) }"  # it takes 35 values only
    with pytest.raises(UnsupportedShapeError, match=r"whether 'p', which Add 'y.*' takes, has rows for each sample"):
        NoteRows(4).run(graph_of(build, body))


def test_what_repeats_is_told_from_what_counts(build) -> None:
    graph = graph_of(build, ROWS)
    found = shape_only(graph)
    named = {t.name: found[id(t)] for n in graph.nodes() for t in n.outputs if id(t) in found}
    assert named == {"s": False, "p": True, "q": True, "l": False, "o": False, "z": True}


def test_trials_differ_in_every_open_axis(build) -> None:
    runs = trials(graph_of(build, ROWS), ["y"])
    shapes = [run.values["y"].shape for run in runs]
    assert [run.samples for run in runs] == [s[0] for s in shapes] == [2, 3]
    assert shapes[0][1] != shapes[1][1]

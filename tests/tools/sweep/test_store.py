# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3

import pytest

from snncc.errors import OutputError
from snncc.tools.sweep.plan import Configuration, Shard
from snncc.tools.sweep.store import Store
from snncc.tools.sweep.task import CRASHED, DONE, REFUSED, Outcome

ONE = Configuration("a", "a.onnx", "a.npz", None, {"name": "fs", "K": 4}, {}, None, None, 8, "cpu", {"model": "0"})


def test_outcomes_come_back(tmp_path):
    shards = [Shard(ONE.id, start, start + 8) for start in (0, 8, 16)]
    outcomes = [
        Outcome(DONE, {"x": [2**60, 0.1]}),
        Outcome(REFUSED, None, "no", whole=True),
        Outcome(CRASHED, None, "?"),
    ]
    with Store(tmp_path / "r.sqlite") as store:
        for shard, outcome in zip(shards, outcomes, strict=True):
            store.add(ONE, [shard], outcome)
    with Store(tmp_path / "r.sqlite") as store:
        assert store.outcomes() == dict(zip(shards, outcomes, strict=True))
        assert store.finished() == set(shards[:2])  # a crash is tried again
        store.add(ONE, [shards[2]], outcomes[0])
        assert store.finished() == set(shards)


def test_result_table_is_replaced(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        store.show(["a", 'b "x"'], [[1, None]])
        store.show(["a", "T"], [["fs", 2], ["rate", 3.5]])
    file = sqlite3.connect(tmp_path / "r.sqlite")
    assert file.execute("SELECT a, T FROM result").fetchall() == [("fs", 2), ("rate", 3.5)]
    file.close()


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        store.show(["a"], [[1]])
        with pytest.raises(OutputError):
            store.show(["a"], [[1], [object()]])
    file = sqlite3.connect(tmp_path / "r.sqlite")
    assert file.execute("SELECT a FROM result").fetchall() == [(1,)]
    file.close()


def test_files_of_others_are_refused_and_left_alone(tmp_path):
    foreign, text, newer = (tmp_path / name for name in ("foreign.sqlite", "text.sqlite", "newer.sqlite"))
    file = sqlite3.connect(foreign)
    file.execute("CREATE TABLE shard (a)")
    file.close()
    text.write_text("not a database, but long enough to be looked at " * 100)
    Store(newer).__exit__()
    file = sqlite3.connect(newer)
    file.execute("PRAGMA user_version = 99")
    file.close()
    for path, message in ((foreign, "no results of a sweep"), (text, "no SQLite file"), (newer, "another version")):
        before = path.read_bytes()
        with pytest.raises(OutputError, match=message):
            Store(path)
        assert path.read_bytes() == before


DAMAGES = (
    "counts = substr(counts, 1, 9)",
    "counts = replace(counts, '1', '2')",
    "counts = '{}'",
    "counts = NULL",
    "counts = x'80ff'",
    "state = 'refused'",
    "state = ''",
    "whole = 1",
    "start = 'x'",
    "stop = stop + 1",
    "configuration = 'b'",
    "digest = NULL",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_dropped_and_the_others_stay(tmp_path, caplog, damage):
    path, shards = tmp_path / "r.sqlite", [Shard(ONE.id, start, start + 8) for start in (0, 8)]
    with Store(path) as store:
        store.add(ONE, shards, Outcome(DONE, {"x": [1, 0.1]}))
    file = sqlite3.connect(path)
    file.execute(f"UPDATE shard SET {damage} WHERE start = 0")
    file.commit()
    file.close()
    with Store(path) as store:
        assert store.outcomes() == {shards[1]: Outcome(DONE, {"x": [1, 0.1]})}
        assert store.finished() == {shards[1]}
    assert "1 of its results are damaged; they are computed again" in caplog.text
    caplog.clear()
    Store(path).__exit__()
    assert not caplog.text


def test_files_of_the_first_version_keep_their_results(tmp_path, caplog):
    path, shard = tmp_path / "r.sqlite", Shard(ONE.id, 0, 8)
    with Store(path) as store:
        store.add(ONE, [shard], Outcome(DONE, {"x": [1]}))
    file = sqlite3.connect(path)
    file.execute("ALTER TABLE shard DROP COLUMN digest")
    file.execute("PRAGMA user_version = 1")
    file.commit()
    file.close()
    for _ in range(2):
        with Store(path) as store:
            assert store.outcomes() == {shard: Outcome(DONE, {"x": [1]})}
    assert not caplog.text


def test_damaged_file_is_refused(tmp_path):
    path = tmp_path / "r.sqlite"
    with Store(path) as store:
        for start in range(0, 800, 8):
            store.add(ONE, [Shard(ONE.id, start, start + 8)], Outcome(DONE, {"x": list(range(500))}))
    data = bytearray(path.read_bytes())
    data[8192:40960] = b"\xff" * (40960 - 8192)
    path.write_bytes(data)
    with pytest.raises(OutputError, match="damaged"):
        Store(path)


def test_places_that_cannot_be_written(tmp_path):
    for path in (tmp_path, tmp_path / "none" / "r.sqlite"):
        with pytest.raises(OutputError, match="folder"):
            Store(path)

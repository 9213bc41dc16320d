# SPDX-License-Identifier: Apache-2.0
"""SQLite store of a sweep: one row per shard, each written in its own transaction.

Tables: `configuration` (id, and its content as JSON), `shard` (the outcome of each: `done` with its counts as JSON,
`refused` or `crashed` with a message, and a digest of its row), and `result`, the merged table at the last end of the
sweep. A row that does not match its digest is damaged: it is dropped, and the sweep evaluates that shard again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from snncc.errors import OutputError
from snncc.tools.sweep.plan import Configuration, Shard
from snncc.tools.sweep.task import CRASHED, Outcome

__all__ = ["Store"]

_APPLICATION = 0x736E6363  # "sncc", the application id of the SQLite file
_FORMAT, _WITHOUT_DIGESTS = 2, 1
_TABLES = """
CREATE TABLE configuration (id TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE shard (
    configuration TEXT NOT NULL REFERENCES configuration (id), start INTEGER NOT NULL, stop INTEGER NOT NULL,
    state TEXT NOT NULL, whole INTEGER NOT NULL, message TEXT NOT NULL, counts TEXT, digest TEXT,
    PRIMARY KEY (configuration, start, stop)
);
"""
_ROW = "configuration, start, stop, state, whole, message, counts"

_log = logging.getLogger(__name__)


class Store:
    """The results, in a file that is created if it does not exist.

    Raises:
        OutputError: the file is not of a sweep, is damaged, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: is a folder, or its folder is not there. Give the name of a file in a folder.")
        with self._explained():
            self._file = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._file.text_factory = partial(str, encoding="utf-8", errors="replace")
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def outcomes(self) -> dict[Shard, Outcome]:
        """The recorded outcome of each shard."""
        with self._explained():
            rows = self._file.execute("SELECT configuration, start, stop, state, counts, message, whole FROM shard")
            return {
                Shard(*place): Outcome(state, None if counts is None else json.loads(counts), message, bool(whole))
                for *place, state, counts, message, whole in rows
            }

    def finished(self) -> set[Shard]:
        """The shards that need no further run."""
        with self._explained():
            found = self._file.execute("SELECT configuration, start, stop FROM shard WHERE state != ?", (CRASHED,))
            return {Shard(*row) for row in found}

    def add(self, configuration: Configuration, shards: Sequence[Shard], outcome: Outcome) -> None:
        """Write the outcomes of `shards` in one transaction; earlier outcomes are replaced."""
        counts = None if outcome.counts is None else json.dumps(outcome.counts)
        found = (outcome.state, int(outcome.whole), outcome.message, counts)
        with self._transaction():
            described = (configuration.id, json.dumps(asdict(configuration)))
            self._file.execute("INSERT OR IGNORE INTO configuration VALUES (?, ?)", described)
            rows = [(shard.configuration, shard.start, shard.stop, *found) for shard in shards]
            signed = [(*row, _digest(row)) for row in rows]
            self._file.executemany(f"INSERT OR REPLACE INTO shard ({_ROW}, digest) VALUES (?{', ?' * 7})", signed)

    def show(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Replace the content of `result` by the merged table."""
        names = ", ".join(_quoted(name) for name in columns)
        places = ", ".join("?" * len(columns))
        with self._transaction():
            self._file.execute("DROP TABLE IF EXISTS result")
            self._file.execute(f"CREATE TABLE result ({names})")
            self._file.executemany(f"INSERT INTO result VALUES ({places})", rows)

    def _open(self) -> None:
        with self._explained():
            ours = self._file.execute("PRAGMA application_id").fetchone()[0]
            tables = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not tables:
                self._make()
                return
            if ours != _APPLICATION:
                raise OutputError(f"{self.path}: holds no results of a sweep. Give another name for them.")
            version = self._file.execute("PRAGMA user_version").fetchone()[0]
            if version == _WITHOUT_DIGESTS:
                self._add_digests()
            elif version != _FORMAT:
                message = f"{self.path}: results of another version of snncc (format {version}, not {_FORMAT})"
                raise OutputError(f"{message}. Give another name.")
            if (found := self._file.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(found)
            self._drop_damaged()

    def _add_digests(self) -> None:
        """Migrate a file of version 0.1.0."""
        with self._transaction():
            if self._file.execute("PRAGMA user_version").fetchone()[0] == _FORMAT:  # somebody was faster
                return
            self._file.execute("ALTER TABLE shard ADD COLUMN digest TEXT")
            rows = self._file.execute(f"SELECT rowid, {_ROW} FROM shard").fetchall()
            digests = [(_digest(row), number) for number, *row in rows]
            self._file.executemany("UPDATE shard SET digest = ? WHERE rowid = ?", digests)
            self._file.execute(f"PRAGMA user_version = {_FORMAT}")

    def _drop_damaged(self) -> None:
        rows = self._file.execute(f"SELECT rowid, digest, {_ROW} FROM shard")
        damaged = [(number,) for number, digest, *row in rows if digest != _digest(row)]
        if damaged:
            _log.warning("%s: %d of its results are damaged; they are computed again", self.path, len(damaged))
            with self._transaction():
                self._file.executemany("DELETE FROM shard WHERE rowid = ?", damaged)

    def _make(self) -> None:
        with self._transaction():
            if not self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:  # not created meanwhile
                for statement in _TABLES.split(";"):
                    self._file.execute(statement)
                self._file.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._file.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into an OutputError."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"{self.path}: cannot be read or written ({error}). Is it writable, with space?"
            ) from error
        except sqlite3.DatabaseError as error:
            reason = " ".join(str(error).split())
            hint = "Move it away; the sweep then begins anew."
            raise OutputError(f"{self.path}: is no SQLite file, or a damaged one ({reason}). {hint}") from error


def _digest(row: Sequence[Any]) -> str:
    """Of the values of `_ROW`; those of a damaged file can be bytes."""
    return hashlib.sha256(repr(tuple(row)).encode()).hexdigest()[:16]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'

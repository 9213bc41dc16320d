# SPDX-License-Identifier: Apache-2.0
"""Definition of a paper's table and of how rows are measured; read from snncc/tools/paper_tables/papers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

from snncc.coding import CODINGS, Coding
from snncc.errors import OptionError

__all__ = ["PAPERS", "Column", "Definition", "Method", "Paper", "read_paper"]

PAPERS = ("one_spike", "fs_conversion", "msat")
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """A conversion method, with one table row per network.

    Attributes:
        label: What the row is called.
        options: `coding`, its parameters, and options of `snncc.convert`.
    """

    label: str
    options: Options

    def conversion(self, more: Options) -> tuple[Coding, dict[str, Any]]:
        """(The coding, the options of `snncc.convert`), with `more` additional options."""
        options = {**self.options, **more}
        kind = CODINGS[options.pop("coding")]
        own = {f.name for f in fields(kind)} - {"levels"}  # type: ignore[arg-type]  # these are fitted by `convert`
        coding = kind(**{name: value for name, value in options.items() if name in own})
        return coding, {name: value for name, value in options.items() if name not in own}


@dataclass(frozen=True)
class Column:
    """A column of figures.

    Attributes:
        title: What it is called.
        measure: What is measured; one of `snncc.tools.paper_tables.measures.MEASURES`.
        options: Added to those of the method.
        only: Options that a method must have, or the cell stays empty.
    """

    title: str
    measure: str
    options: Options = field(default_factory=dict)
    only: Options = field(default_factory=dict)

    def holds_for(self, method: Method) -> bool:
        """Whether the column has a cell for `method`."""
        return all(method.options.get(name) == value for name, value in self.only.items())


@dataclass(frozen=True)
class Definition:
    """One table.

    Attributes:
        paper: Name of the paper, one of `PAPERS`.
        id: Its number in the paper, or a word for what is none there.
        where: Where in the paper it stands.
        caption: What it shows.
        methods: Of which a row is measured for each network.
        columns: Of figures, after network and method.
        rows: The paper's own: network, method, figures.
        note: What has to be said about it.
    """

    paper: str
    id: str
    where: str
    caption: str
    methods: tuple[Method, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Paper:
    """A paper: its title, and its tables by id."""

    name: str
    title: str
    tables: Mapping[str, Definition]

    def table(self, wanted: str) -> Definition:
        """The table with that id, case-insensitive.

        Raises:
            OptionError: there is none.
        """
        for key, definition in self.tables.items():
            if key.lower() == wanted.lower():
                return definition
        raise OptionError(f"{self.name} has no table '{wanted}', but {', '.join(self.tables)}")


@cache
def read_paper(name: str) -> Paper:
    """One of `PAPERS`.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in PAPERS:
        raise OptionError(f"there are no tables of '{name}', but of {', '.join(PAPERS)}")
    text = files("snncc.tools.paper_tables").joinpath("papers", f"{name}.toml").read_text(encoding="utf-8")
    parsed = tomllib.loads(text)
    tables = [_definition(name, entry) for entry in parsed["tables"]]
    return Paper(name, parsed["title"], {table.id: table for table in tables})


def _definition(paper: str, entry: Options) -> Definition:
    methods = tuple(Method(m["label"], {k: v for k, v in m.items() if k != "label"}) for m in entry["methods"])
    columns = tuple(Column(**c) for c in entry["columns"])
    rows = tuple(map(tuple, entry["rows"]))
    note = entry.get("note", "")
    return Definition(paper, entry["id"], entry["where"], entry["caption"], methods, columns, rows, note)

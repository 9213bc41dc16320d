# SPDX-License-Identifier: Apache-2.0
"""Plan of a sweep: configurations with their ids, and the shards of their data.

An id is the SHA-256 of all that determines a result: the contents of model, data and calibration data, the parameters,
the batch size, the version of snncc. Paths, names and the size of a shard are not included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from snncc.errors import OptionError
from snncc.io.sample_sources import count_of, labels_of
from snncc.io.toml_files import path_beside
from snncc.tools.sweep.config import Grid, combinations, read_grid
from snncc.tools.sweep.file_digests import data_digest, file_digest
from snncc.version import VERSION

__all__ = ["Configuration", "Plan", "Shard", "read_plan"]

_MOST = 10_000  # configurations; more are asked for
_BATCH, _SHARD = 64, 512


@dataclass(frozen=True)
class Configuration:
    """One point of the grid, as plain data.

    Attributes:
        name: of the model.
        model: path of the ANN.
        data: path of the samples.
        calib: path of calibration data; None: none.
        coding: its name and parameters, those that were given.
        convert: options of the conversion.
        preprocess: how images become inputs; None: the default.
        limit: how many samples count; None: all.
        batch: samples per run.
        device: where the networks run.
        digests: of the contents of `model`, `data` and `calib`.
    """

    name: str
    model: str
    data: str
    calib: str | None
    coding: Mapping[str, Any]
    convert: Mapping[str, Any]
    preprocess: str | None
    limit: int | None
    batch: int
    device: str
    digests: Mapping[str, str]

    @property
    def id(self) -> str:
        """A digest of all that determines the result."""
        values = {k: v for k, v in asdict(self).items() if k not in ("name", "model", "data", "calib")}
        return hashlib.sha256(json.dumps([VERSION, values], sort_keys=True).encode()).hexdigest()[:16]

    def title(self) -> str:
        """A short description."""
        coding = {k: v for k, v in self.coding.items() if k != "name"}
        options = [f"{k}={json.dumps(v).strip(chr(34))}" for k, v in {**coding, **self.convert}.items()]
        return " ".join((self.name, str(self.coding["name"]), *options))


@dataclass(frozen=True)
class Shard:
    """Samples `start` to `stop` (exclusive) of a configuration."""

    configuration: str
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """The configurations, by id, in the order of the file, and the shards of each."""

    configurations: Mapping[str, Configuration]
    shards: Mapping[str, tuple[Shard, ...]]

    def __iter__(self) -> Iterator[Shard]:
        """All shards."""
        for shards in self.shards.values():
            yield from shards

    def __len__(self) -> int:
        return sum(map(len, self.shards.values()))


def read_plan(path: Path, most: int | None = None) -> Plan:
    """Read the plan of a TOML file, of at most `most` configurations (10 000); paths are relative to the file's folder.

    Raises:
        SnnccError: the file is no grid or a larger one, or what it names cannot be read.
    """
    grid = read_grid(path)
    most = most or _MOST
    if (size := grid.size()) > most:
        raise OptionError(
            f"{path}: {size:,} configurations, more than {most:,}. Take values out, or allow more "
            "(--max-configurations)."
        )
    batch = grid.sweep.get("batch", min(_BATCH, grid.sweep.get("shard", _BATCH)))
    shard = grid.sweep.get("shard", -(-_SHARD // batch) * batch)
    if shard % batch:  # else the same samples would run in other batches, which may change a last bit
        message = f"[sweep] shard is {shard}, but it must be a multiple of batch, {batch}"
        raise OptionError(f"{path}: {message}, so that the result is the same for shards of any size.")
    configurations, shards = {}, {}
    for configuration, count in _configurations(grid, path, batch):
        configurations[configuration.id] = configuration
        starts = range(0, count, shard)
        shards[configuration.id] = tuple(Shard(configuration.id, a, min(a + shard, count)) for a in starts)
    return Plan(configurations, shards)


def _configurations(grid: Grid, path: Path, batch: int) -> Iterator[tuple[Configuration, int]]:
    """Each configuration, with its number of samples."""
    for model in grid.models:
        files = {key: path_beside(path, model[key]) for key in ("path", "data", "calib") if key in model}
        digests = {"model": file_digest(files["path"])}
        digests |= {key: data_digest(files[key]) for key in ("data", "calib") if key in files}
        count = _count(path, files["data"], model.get("limit"))
        ranged = {"input_range": tuple(model["input_range"])} if "input_range" in model else {}
        for parameters in grid.codings:
            for coding, convert in product(combinations(parameters), combinations(grid.convert)):
                configuration = Configuration(
                    name=model.get("name", files["path"].stem),
                    model=str(files["path"]),
                    data=str(files["data"]),
                    calib=str(files["calib"]) if "calib" in files else None,
                    coding=coding,
                    convert={**convert, **ranged},
                    preprocess=model.get("preprocess"),
                    limit=model.get("limit"),
                    batch=batch,
                    device=grid.sweep.get("device", "cpu"),
                    digests=digests,
                )
                yield configuration, count


def _count(path: Path, data: Path, limit: int | None) -> int:
    count = count_of(data)
    if not count:
        raise OptionError(f"{path}: data {data} holds no samples. Give an .npy or .npz file, or a folder of images.")
    labels = labels_of(data)
    wanted = min(count, limit or count)
    if labels is not None and (len(labels) < wanted if limit else len(labels) != count):
        raise OptionError(
            f"{path}: data {data} has {len(labels)} labels for {count} samples. Give one label per sample."
        )
    return wanted

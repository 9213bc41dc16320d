# SPDX-License-Identifier: Apache-2.0
"""Store spike trains in an .npz archive that numpy reads without snncc.

`index` is a JSON string: `{"format": 1, "model": SHA-256, "inputs": […], "layers": [{"key", "name", "op", "tensor",
"sends", "skips", "dtype"}, …]}`. Of each layer there are, under its key (the fields of `Train`):

    <key>/shape    [T, N, …], int64: time steps of the layer, samples, shape of one sample
    <key>/bits     [T, N, B], uint8: who fired, eight neurons to a byte, np.unpackbits(bits, axis=-1, count=neurons)
    <key>/scale    float32, one element or one per channel
    <key>/worth    [T], float32: a spike of step t is worth scale * worth[t]
    <key>/signs    whose spikes are negative, like bits, or [1, N, B] for all steps alike; only where neurons have signs
    <key>/values   instead of worth, where each spike has a value of its own: sample by sample, step by step

`inputs/<name>` are inputs of the network, where a path leads from there to its outputs without a neuron.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snncc.errors import DataError
from snncc.execution.spike_trains.train import Train
from snncc.io.npz import entry_names, npz_bytes
from snncc.ops.arrays import Array

__all__ = ["SpikeTrains"]

_FORMAT = 1
_HINT = "Record them with snncc run --spikes."
_DAMAGED = (EOFError, OSError, ValueError, zipfile.BadZipFile, zlib.error)
_INDEXED = ("name", "op", "tensor", "sends", "skips")
_ARRAYS = ("bits", "scale", "worth", "signs", "values")


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """The spikes of all neurons of a network.

    Attributes:
        model: SHA-256 of the model that they were recorded of.
        layers: Its layers of neurons, in the order of the graph.
        inputs: The inputs, by name, that reach its outputs on a path without neurons.
    """

    model: str
    layers: tuple[Train, ...]
    inputs: Mapping[str, Array] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.layers[0].bits.shape[1])

    def to_npz(self) -> bytes:
        """The content of the file."""
        keys = _keys(self.layers)
        index = {
            "format": _FORMAT,
            "model": self.model,
            "inputs": list(self.inputs),
            "layers": [_entry(key, layer) for key, layer in zip(keys, self.layers, strict=True)],
        }
        arrays: dict[str, Any] = {"index": np.array(json.dumps(index))}
        arrays |= {f"inputs/{name}": value for name, value in self.inputs.items()}
        for key, layer in zip(keys, self.layers, strict=True):
            arrays[f"{key}/shape"] = np.array(layer.shape, np.int64)
            found = {name: getattr(layer, name) for name in _ARRAYS}
            arrays |= {f"{key}/{name}": value for name, value in found.items() if value is not None}
        return npz_bytes(arrays, compress=True)

    @classmethod
    def from_npz(cls, source: Path | str | bytes) -> SpikeTrains:
        """Read a file or its content.

        Raises:
            DataError: it cannot be read, or holds something else.
        """
        name = "the spike trains" if isinstance(source, bytes) else str(source)
        try:
            with _opened(source, name) as file:
                index = json.loads(str(file["index"]))
                names = [f"inputs/{name}" for name in index["inputs"]]
                inputs = {name: file[entry] for name, entry in zip(index["inputs"], entry_names(names), strict=True)}
                layers = tuple(_layer(entry, file) for entry in index["layers"])
                return cls(index["model"], layers, inputs)
        except _DAMAGED as error:
            raise DataError(f"{name}: not a readable file ({error}). {_HINT}") from error


def _opened(source: Path | str | bytes, name: str) -> Any:
    file = np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False)
    if not isinstance(file, np.lib.npyio.NpzFile) or "index" not in file:
        raise DataError(f"{name}: holds no spike trains. {_HINT}")
    found = json.loads(str(file["index"])).get("format")
    if found != _FORMAT:
        raise DataError(f"{name}: is in format {found}, and this snncc reads {_FORMAT}. {_HINT}")
    return file


def _keys(layers: tuple[Train, ...]) -> list[str]:
    """Names for a zip archive."""
    names = Counter(layer.name for layer in layers)
    chosen = [layer.name if names[layer.name] == 1 else layer.tensor for layer in layers]
    return entry_names(chosen)


def _entry(key: str, layer: Train) -> dict[str, Any]:
    return {"key": key, **{name: getattr(layer, name) for name in _INDEXED}, "dtype": str(layer.dtype)}


def _layer(entry: Mapping[str, Any], file: Mapping[str, Array]) -> Train:
    key = entry["key"]
    arrays: dict[str, Any] = {name: file[f"{key}/{name}"] for name in _ARRAYS if f"{key}/{name}" in file}
    sample = tuple(file[f"{key}/shape"].tolist()[2:])
    return Train(**{name: entry[name] for name in _INDEXED}, dtype=np.dtype(entry["dtype"]), sample=sample, **arrays)

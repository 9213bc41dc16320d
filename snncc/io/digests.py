# SPDX-License-Identifier: Apache-2.0
"""Digests of models, independent of how they are stored, and of samples, independent of the batch size."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx

from snncc.io.batches import Batch
from snncc.io.large_models import fits_one_file, parts
from snncc.storage.mapped import values_of
from snncc.storage.serialised import serialised

__all__ = ["HEAD", "Digest", "model_digest"]


def model_digest(model: onnx.ModelProto) -> str:
    """SHA-256 of a model with its weights, independent of storage; above 2 GB, the large weights come last."""
    sketch, aside = (model, []) if fits_one_file(model) else parts(model, "")
    digest = hashlib.sha256()
    for piece in serialised(sketch):
        digest.update(piece)
    for weight in aside:
        digest.update(values_of(weight))
    return digest.hexdigest()


HEAD = 16  # samples of `Digest.head`


class Digest:
    """SHA-256 of a stream of samples, independent of the batch size; `head` is that of the first 16 or fewer."""

    def __init__(self, head: Digest | None = None) -> None:
        self._hashes: dict[str, Any] = {}
        self._kinds: dict[str, str] = {}
        self.samples = 0
        self._head = head

    @classmethod
    def with_head(cls) -> Digest:
        """A digest that has `head`, too."""
        return cls(cls())

    @property
    def head(self) -> str | None:
        """The digest of the first samples."""
        return None if self._head is None else self._head.hexdigest()

    def update(self, batch: Batch) -> None:
        """Add a batch of `batches`."""
        if self._head is not None and self._head.samples < HEAD:
            self._head.update({name: array[: HEAD - self._head.samples] for name, array in batch.items()})
        self.samples += len(next(iter(batch.values())))
        for name, array in batch.items():
            self._kinds[name] = f"{array.dtype}{list(array.shape[1:])}"
            self._hashes.setdefault(name, hashlib.sha256()).update(np.ascontiguousarray(array).tobytes())

    def hexdigest(self) -> str:
        """The digest of the samples so far."""
        parts = [f"{name}:{self._kinds[name]}:{h.hexdigest()}" for name, h in sorted(self._hashes.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

# SPDX-License-Identifier: Apache-2.0
"""Notice evaluation on the samples that calibrated a model, where its accuracy is higher than on others."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import onnx

from snncc.errors import ModelError
from snncc.io.batches import Batch
from snncc.io.digests import HEAD, Digest
from snncc.ir.metadata import metadata_of

__all__ = ["noticed"]

log = logging.getLogger("snncc")


def noticed(stream: Iterable[Batch], model: onnx.ModelProto, name: str) -> Iterator[Batch]:
    """The batches of `stream`; warns at its end if it starts with the first samples that calibrated `model`."""
    wanted, digest = _head(model), Digest.with_head()
    for batch in stream:
        if wanted is not None and digest.samples < HEAD:
            digest.update(batch)
        yield batch
    if wanted is not None and digest.head == wanted:
        log.warning(
            "%s was calibrated with these samples; on others it may be less accurate. Give held-out ones.", name
        )


def _head(model: onnx.ModelProto) -> str | None:
    try:
        recorded = metadata_of(model).get("snncc.calibration")
    except ModelError:
        return None
    head = recorded.get("head") if isinstance(recorded, dict) else None
    return head if isinstance(head, str) else None

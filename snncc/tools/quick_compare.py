# SPDX-License-Identifier: Apache-2.0
"""Compare the outputs of a converted model with those of its source on a few samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

__all__ = ["Comparison", "compare"]

_SAMPLES = 32
_BATCH = 16
_FEWEST = 8  # samples that say something
_MUCH = 0.1


@dataclass(frozen=True)
class Comparison:
    """How the outputs of both networks compare, averaged over all samples and outputs.

    Attributes:
        data: What the samples are.
        samples: How many there were.
        agreement: Share of the samples with the same answer, the place of the largest output; None where samples have
            no single answer, as with detectors and regressions.
        error: Mean absolute difference of the outputs over the mean magnitude of the source network's.
        calibrated: Whether the samples are calibration data, and no noise.
    """

    data: str
    samples: int
    agreement: float | None
    error: float
    calibrated: bool

    @property
    def differs(self) -> bool:
        """Whether answers of samples, or outputs that are no answers, differ by much: more than a tenth."""
        if self.samples < _FEWEST:
            return False
        return self.error > _MUCH if self.agreement is None else self.agreement < 1 - _MUCH


def compare(
    source: onnx.ModelProto,
    converted: onnx.ModelProto,
    calibration: Path | None,
    preprocess: str | None,
    input_range: tuple[float, float] | None,
) -> Comparison:
    """Run both networks on the first samples of the calibration data, or on seeded noise if there is none."""
    from snncc.analysis.time_stacking import fold_of, max_batch
    from snncc.evaluation.accuracy import AccuracyCounter

    size = max_batch(fold_of(converted), _BATCH)
    batches = list(_batches(source, calibration, preprocess, input_range, size))
    tally = AccuracyCounter(None)
    for expected, given in zip(_outputs(_runnable(source), batches), _outputs(converted, batches), strict=True):
        tally.add(expected, given)
    return Comparison(
        data=f"the first of {calibration}" if calibration else "seeded noise, which is no natural input",
        samples=tally.samples,
        agreement=tally.agreement if tally.classifies else None,
        error=tally.error,
        calibrated=calibration is not None,
    )


def _outputs(model: onnx.ModelProto, batches: list[dict[str, Any]]) -> list[Any]:
    """The outputs of `model` for the batches; the session, which holds the weights, is closed afterwards."""
    from snncc.runtime import create_session

    session = create_session(model, device="cpu")
    return [session.run(None, batch)[0] for batch in batches]


def _runnable(source: onnx.ModelProto) -> onnx.ModelProto:
    """The part of `source` that onnxruntime runs in short time; sums over the edges of a large graph take minutes."""
    from snncc.frontend.canonical_recurrent import tidy_recurrent
    from snncc.frontend.import_model import import_model
    from snncc.storage.mapped import hand_over

    if any(node.op_type == "ScatterElements" for node in source.graph.node):
        imported = import_model(source).to_proto()
        hand_over(imported)
        return imported
    return tidy_recurrent(source)


def _batches(
    source: onnx.ModelProto,
    calibration: Path | None,
    preprocess: str | None,
    input_range: tuple[float, float] | None,
    size: int,
) -> Iterator[dict[str, Any]]:
    from snncc.io.batches import batches, specs_of
    from snncc.io.input_specs import fixed_batch
    from snncc.io.preprocess import Preprocess
    from snncc.tools.noise_batches import noise_batches

    specs = specs_of(source)
    fixed = fixed_batch(specs)
    size = size if fixed is None else fixed
    if calibration is not None:
        parsed = Preprocess.parse(preprocess) if preprocess else None
        yield from itertools.islice(
            batches(calibration, specs, preprocess=parsed, batch_size=size), max(1, _SAMPLES // size)
        )
    else:
        yield from itertools.islice(noise_batches(source, size, input_range), max(1, _SAMPLES // size))

# SPDX-License-Identifier: Apache-2.0
"""Work on one shard: convert, unless cached, and count; plain data in, plain data out.

The process that runs it, on this or another machine, needs the files of the configuration, and the folder of converted
models, at the same paths. A model is either complete or absent there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snncc.analysis.cpu_session import threads
from snncc.coding import CODINGS, Coding
from snncc.compiler.convert import convert
from snncc.errors import OutputError, RuntimeLibraryError, SnnccError
from snncc.evaluation.evaluate import count, refuse_converted
from snncc.evaluation.shard_sums import ShardSums
from snncc.io.model_reader import read_model
from snncc.io.sample_sources import Part
from snncc.storage.mapped import left_in_files
from snncc.tools.sweep.file_digests import data_digest, file_digest
from snncc.tools.sweep.model_cache import converted_path, keep
from snncc.tools.sweep.plan import Configuration

__all__ = ["CRASHED", "DONE", "REFUSED", "Outcome", "Task", "run_task"]

DONE, REFUSED, CRASHED = "done", "refused", "crashed"


@dataclass(frozen=True)
class Task:
    """A shard of a configuration: `start` to `stop`; `folder` holds converted models; `threads` of onnxruntime."""

    configuration: Configuration
    start: int
    stop: int
    folder: str
    threads: int


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task.

    Attributes:
        state: `done`; `refused`, by an SnnccError, and would be again; `crashed`: worth another try.
        counts: as `ShardSums.to_json` puts them, if done.
        message: what was wrong, if it is not done.
        whole: whether all shards of the configuration end like that, since it cannot be converted.
        warnings: what was logged.
    """

    state: str
    counts: dict[str, Any] | None = None
    message: str = ""
    whole: bool = False
    warnings: tuple[str, ...] = ()


def run_task(task: Task) -> Outcome:
    """Convert and count; a SnnccError is an outcome, too."""
    if message := _changed(task.configuration):
        return Outcome(CRASHED, None, message)
    with threads(task.threads), _warnings() as logged:
        converting = True
        try:
            snn = _converted(task)
            converting = False
            counts = _counted(task, snn)
        except SnnccError as error:
            message = f"{type(error).__name__}: {error}"
            passing = isinstance(error, OutputError | RuntimeLibraryError)  # the machine's fault, not the model's
            return Outcome(CRASHED if passing else REFUSED, None, message, converting, tuple(logged))
        return Outcome(DONE, counts.to_json(), warnings=tuple(logged))


def _converted(task: Task) -> Path:
    configuration = task.configuration
    path = converted_path(Path(task.folder), configuration.id)
    if not path.exists():
        model = read_model(configuration.model, copy=False)
        refuse_converted(model, configuration.model)
        with left_in_files():
            snn = convert(
                configuration.model,
                _coding(configuration),
                calibration=configuration.calib,
                preprocess=configuration.preprocess,
                **configuration.convert,
            )
            keep(snn, path)
    return path


def _coding(configuration: Configuration) -> Coding:
    parameters = dict(configuration.coding)
    return CODINGS[parameters.pop("name")](**parameters)


def _counted(task: Task, snn: Path) -> ShardSums:
    configuration = task.configuration
    return count(
        snn,
        configuration.model,
        Part(Path(configuration.data), task.start, task.stop),
        preprocess=configuration.preprocess,
        batch_size=configuration.batch,
        device=configuration.device,
    )


def _changed(configuration: Configuration) -> str:
    """The error if a file has changed since the sweep was planned."""
    try:
        found = {"model": file_digest(Path(configuration.model)), "data": data_digest(Path(configuration.data))}
        if configuration.calib is not None:
            found["calib"] = data_digest(Path(configuration.calib))
    except SnnccError as error:
        return f"{type(error).__name__}: {error}"
    for key, digest in found.items():
        if configuration.digests[key] != digest:
            return f"{getattr(configuration, key)} has changed since the sweep began. Run that again."
    return ""


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what snncc warns of, instead of printing it."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with suppress(ValueError, TypeError):
                found.append(record.getMessage())

    logger, collector = logging.getLogger("snncc"), Collector(logging.WARNING)
    handlers, propagate = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [collector], False
    try:
        yield found
    finally:
        logger.handlers, logger.propagate = handlers, propagate

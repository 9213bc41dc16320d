# SPDX-License-Identifier: Apache-2.0
"""Every network in every coding: whether it converts and runs, and the error of its outputs against the ANN's.

    python tests/benchmarks/networks.py [--shared DIR] [--networks TEXT ...] [--limit N] [--markdown]

Of trained networks the table shows top-1 accuracy, of all the cosine between the outputs of SNN and ANN, the smallest
of several outputs. Steps in brackets are those of the large networks, whose names begin with light. FS with K = 16 is
the probe: so many levels that what is lost is lost to a fault. Scales come from calibration data, of networks without
any from 1/f noise, other noise than the outputs are compared on.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from accuracy import shared_folder
from subjects import Arrays, Subject, subjects

import snncc
from snncc.coding import Coding
from snncc.errors import SnnccError
from snncc.runtime import create_session

__all__ = ["codings", "compare"]


def codings(*, large: bool) -> tuple[Coding, ...]:
    """The columns of the table; large networks are given fewer time steps."""
    steps = 4 if large else 32
    return snncc.FS(K=16), snncc.Phase(T=24, Q=1.2), snncc.Rate(T=steps), snncc.MSAT(T=steps)


def outputs(model: onnx.ModelProto, samples: Arrays, pieces: int) -> list[np.ndarray[Any, Any]]:
    """All outputs of `model`, run on `pieces` samples at a time."""
    session = create_session(model, device="cpu")
    fixed = session.get_inputs()[0].shape[0]
    size = fixed if isinstance(fixed, int) else pieces
    count = len(next(iter(samples.values())))
    found = [
        session.run(None, {k: v[start : start + size] for k, v in samples.items()}) for start in range(0, count, size)
    ]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def compare(subject: Subject, coding: Coding, expected: list[np.ndarray[Any, Any]]) -> str:
    """A cell of the table."""
    try:
        snn = snncc.convert(subject.model, coding, calibration=subject.calibration)
    except SnnccError as error:
        return f"refused: {str(error).splitlines()[0][:60]}"
    given = outputs(snn, subject.samples, 2 if subject.large else 16)
    alike = min(cosine(a, b) for a, b in zip(expected, given, strict=True))
    return f"{accuracy(given, subject)}{alike:.4f}"


def cosine(ann: np.ndarray[Any, Any], snn: np.ndarray[Any, Any]) -> float:
    """Of all outputs as one vector."""
    a, b = ann.astype(np.float64).ravel(), snn.astype(np.float64).ravel()
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def accuracy(found: list[np.ndarray[Any, Any]], subject: Subject) -> str:
    """Top-1 in percent, where there are labels."""
    if subject.labels is None:
        return ""
    classes = found[0].reshape(len(subject.labels), -1).argmax(1)
    return f"{100 * float(np.mean(classes == subject.labels)):.2f} / "


def name_of(coding: Coding) -> str:
    """As the heading says it."""
    return " ".join([coding.name, *(f"{k}={v}" for k, v in coding.parameters().items() if k in ("K", "T", "Q"))])


def main() -> None:
    parser = argparse.ArgumentParser(description="Every network in every coding.")
    parser.add_argument("--shared", type=Path, help="folder with models/ and data/ [$SNNCC_SHARED or ../shared]")
    parser.add_argument("--networks", nargs="+", metavar="TEXT", help="only those whose name contains one of these")
    parser.add_argument("--limit", type=int, default=100, help="test samples of trained networks")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    logging.getLogger("snncc").setLevel(logging.ERROR)  # few calibration samples are the point here
    ort.set_default_logger_severity(3)  # old files name their weights among the inputs
    small, large = (codings(large=size) for size in (False, True))
    names = [
        name_of(a) if a == b else f"{name_of(a)} ({b.parameters()['T']})" for a, b in zip(small, large, strict=True)
    ]
    heading = ["network", "ANN", *names, "seconds"]
    for line in (heading, ["---"] * len(heading)) if arguments.markdown else (heading,):
        show(line, markdown=arguments.markdown)
    for subject in subjects(shared_folder(arguments.shared), arguments.limit):
        if arguments.networks and not any(text in subject.title for text in arguments.networks):
            continue
        started = time.perf_counter()
        expected = outputs(subject.model, subject.samples, 16)
        cells = [compare(subject, coding, expected) for coding in codings(large=subject.large)]
        seconds = f"{time.perf_counter() - started:.0f}"
        first = accuracy(expected, subject).removesuffix(" / ")
        show([subject.title, first, *cells, seconds], markdown=arguments.markdown)


def show(cells: list[str], *, markdown: bool) -> None:
    """Print a line of the table."""
    print(f"| {' | '.join(cells)} |" if markdown else "  ".join(f"{c:<16}" for c in cells).rstrip(), flush=True)


if __name__ == "__main__":
    main()

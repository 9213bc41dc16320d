# SPDX-License-Identifier: Apache-2.0
"""Worker process: converts or reads damaged models, one per line of its input, and reports each result.

In: a case, `KIND NUMBER` or a path. Out: `ok`, `refused`, or `escaped` with the exception. A crash is the end of the
process, so is more than SECONDS of processor time or GIGABYTES of memory for one case.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import onnx
from click.testing import CliRunner
from mutations import mutated
from seeds import CONVERTED, NETWORKS, converted, network

import snncc
from snncc.cli import main
from snncc.coding import Coding

SECONDS = int(os.environ.get("SNNCC_FUZZ_SECONDS", "60"))
GIGABYTES = 8
CODINGS: list[Coding] = [
    snncc.Phase(T=2, Q=1.5),
    snncc.FS(K=3),
    snncc.Rate(T=2),
    snncc.MSAT(T=2),
    snncc.Phase(T=4, wait=2),
]


def bytes_of(kind: str, number: int) -> bytes:
    """The damaged model of a case."""
    rng = np.random.default_rng(number)
    if kind == "network":
        return mutated(network(NETWORKS[number % len(NETWORKS)]), rng)
    return mutated(converted(list(CONVERTED)[number % len(CONVERTED)]), rng)


def outcome(case: str) -> str:
    """What comes of one case."""
    kind, _, number = case.partition(" ")
    try:
        if kind == "network":
            return _convert(bytes_of(kind, int(number)), int(number))
        if kind == "converted":
            return _read(bytes_of(kind, int(number)), int(number))
        if kind == "broken":  # to try the harness itself
            return str({"abort": os.abort, "raise": _raise, "hang": _hang, "hog": _hog}[number]())
        data = Path(case).read_bytes()
        return _read(data, 0) if b"ai.snncc" in data else _convert(data, 0)
    except Exception:  # whatever it is, it is what we look for
        return f"escaped {traceback.format_exc()}"


def _convert(data: bytes, number: int) -> str:
    try:
        snncc.convert(data, CODINGS[number % len(CODINGS)])
    except snncc.SnnccError:
        return "refused"
    return "ok"


def _read(data: bytes, number: int) -> str:
    """Every command that reads a converted model; one that ends in a clear error has status 1."""
    name = list(CONVERTED)[number % len(CONVERTED)]
    source = network(CONVERTED[name][0])
    size = [d.dim_value for d in source.graph.input[0].type.tensor_type.shape.dim[1:]]
    with tempfile.TemporaryDirectory() as folder:
        snn, ann, data_file = (str(Path(folder, f)) for f in ("snn.onnx", "ann.onnx", "data.npz"))
        Path(snn).write_bytes(data)
        onnx.save(source, ann)
        x = np.random.default_rng(0).normal(size=(3, *size)).astype(np.float32)
        np.savez(data_file, x=x, labels=np.zeros(3, np.int64))
        both = ["--ann", ann, "--data", data_file]
        commands = [["inspect", snn], ["run", snn, data_file], ["run", snn, data_file, "--spikes", f"{folder}/s.npz"]]
        statuses = set()
        for command in (*commands, ["evaluate", snn, *both], ["check", snn, *both]):
            result = CliRunner().invoke(main, command, catch_exceptions=False)
            statuses.add(result.exit_code)
    if not statuses <= {0, 1}:
        return f"escaped with status {statuses}"
    return "ok" if statuses == {0} else "refused"


def _raise() -> None:
    raise KeyError("on purpose")


def _hang() -> None:
    while True:
        pass


def _hog() -> int:
    return len(np.ones(GIGABYTES * 2**28))


def _limit_time() -> None:
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + SECONDS, resource.RLIM_INFINITY))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")  # nothing else may write there
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES * 2**30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        _limit_time()
        answers.write(repr(outcome(line.rstrip("\n"))) + "\n")
        answers.flush()

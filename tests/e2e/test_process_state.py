# SPDX-License-Identifier: Apache-2.0
"""The library leaves process-wide state unchanged, also temporarily."""

from __future__ import annotations

import gc
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.analysis.constant_folding import fold_constants
from snncc.ir.graph import Graph
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.sweep import sweep

GRID = """
[sweep]
shard = 20
[[model]]
path = "ann.onnx"
data = "test.npz"
calib = "train.npz"
[[coding]]
name = "fs"
K = [4]
"""
# Calls of these change the process, even if the change is reverted: other threads see it.
CHANGERS = (
    (logging, "basicConfig"),
    (logging, "disable"),
    (np, "seterr"),
    (np.random, "seed"),
    (ort, "set_default_logger_severity"),
    (os, "chdir"),
    (os, "putenv"),  # which writing to os.environ calls
    (os, "umask"),
    (os, "unsetenv"),
    (random, "seed"),
    (signal, "signal"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    found = load_digits()
    np.savez(tmp_path / "test.npz", input=found.test_images[:40], labels=found.test_labels[:40])
    np.savez(tmp_path / "train.npz", input=found.train_images[:100])
    (tmp_path / "ann.onnx").write_bytes(digits_network())
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path


def convert(folder: Path) -> object:
    return snncc.convert(folder / "ann.onnx", snncc.FS(K=4), calibration=folder / "train.npz")


def evaluate(folder: Path) -> object:
    return snncc.evaluate(convert(folder), folder / "ann.onnx", folder / "test.npz")


def run_sweep(folder: Path) -> object:
    return sweep(folder / "grid.toml", folder / "r.sqlite", jobs=1)


def state() -> dict[str, Any]:
    mask = os.umask(0o77)
    os.umask(mask)
    loggers = {name: logging.getLogger(name) for name in ("", "snncc")}
    return {
        "collector": (gc.isenabled(), gc.get_threshold()),
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": {n: (one.level, [*one.handlers], [*one.filters], one.propagate) for n, one in loggers.items()},
        "logging, all": logging.root.manager.disable,
        "numpy": (np.geterr(), np.get_printoptions()),
        "path": [*sys.path],
        "random": (random.getstate(), [str(part) for part in np.random.get_state()]),
        "recursion": sys.getrecursionlimit(),
        "signals": {one: signal.getsignal(one) for one in signal.valid_signals()},
        "sockets": socket.getdefaulttimeout(),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "umask": mask,
        "warnings": [*warnings.filters],
    }


@pytest.mark.parametrize("work", [convert, evaluate, run_sweep])
def test_the_process_stays_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path], object]
) -> None:
    convert(folder)  # what is imported late is imported, which is not what this is about
    before = state()

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("changes the process")

    with monkeypatch.context() as patched:
        for owner, name in CHANGERS:
            patched.setattr(owner, name, refused)
        work(folder)
    after = state()
    assert {key for key in before if before[key] != after[key]} == set()


def test_constants_are_folded_without_a_word_on_the_log_of_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    text = """<ir_version: 10, opset_import: ["": 21]>
    net (float[3,2] x) => (float[3,2] y) { d = Neg (c) e = Cast <to = 1> (d) s = Shape (x)
    i = Add (s, s) j = Sub (i, s) f = Expand (e, j) y = Add (x, f) }"""
    model = parser.parse_model(text)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float16), "c"))
    graph = Graph.from_proto(model)
    fold_constants(graph)  # of half precision: onnxruntime has no kernel for its Neg, and says so where it may
    assert [node.op for node in graph.nodes()] == ["Add"]
    assert capfd.readouterr() == ("", "")

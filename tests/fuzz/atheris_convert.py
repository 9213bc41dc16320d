# SPDX-License-Identifier: Apache-2.0
"""`python atheris_convert.py CORPUS -max_total_time=300`: coverage-guided fuzzing of damaged models.

Optional: `pip install atheris`. CORPUS is a folder, which gets a model of each kind; what crashes is left as crash-….
"""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path
from types import FunctionType

import atheris
import numpy as np
import onnx
from google.protobuf.message import DecodeError
from mutations import mutated
from seeds import CONVERTED, NETWORKS, converted, network

import snncc
import snncc.compiler.convert  # what is to be instrumented has to be loaded


def instrument() -> None:
    """Let every function of snncc tell where it has been; import hooks do not see modules of an editable install."""
    modules = [vars(module) for name, module in sys.modules.items() if name.split(".")[0] == "snncc"]
    own = [value for names in modules for value in names.values()]
    classes = [vars(value).values() for value in own if isinstance(value, type)]
    functions = {id(f): f for f in [*own, *(f for names in classes for f in names)] if isinstance(f, FunctionType)}
    for function in functions.values():
        if function.__module__.split(".")[0] == "snncc":
            atheris.instrument_func(function)


def convert(data: bytes) -> None:
    """Anything but a SnnccError ends the search."""
    with contextlib.suppress(snncc.SnnccError):
        snncc.convert(data, snncc.FS(K=2))


def mutate(data: bytes, size: int, seed: int) -> bytes:
    """Field by field, as long as it is a model."""
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError):
        return bytes(atheris.Mutate(data, size))
    changed = mutated(model, np.random.default_rng(seed)) if model.graph.node and model.graph.input else data
    return changed if len(changed) <= size else data[:size]


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for argument in sys.argv[1:2]:
        for name in NETWORKS:
            Path(argument, f"{name}.onnx").write_bytes(network(name).SerializeToString())
        for name in CONVERTED:
            Path(argument, f"converted_{name}.onnx").write_bytes(converted(name).SerializeToString())
    instrument()
    atheris.Setup([*sys.argv, "-max_len=60000", "-rss_limit_mb=8192", "-timeout=120"], convert, custom_mutator=mutate)
    atheris.Fuzz()

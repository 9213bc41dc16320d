# SPDX-License-Identifier: Apache-2.0
"""`python atheris_convert.py CORPUS -max_total_time=300`: coverage chooses which damaged models to go on with.

Optional: `pip install atheris`. CORPUS is a folder, which gets a model of each kind; what crashes is left as crash-….
"""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path

import atheris
import numpy as np
import onnx
from google.protobuf.message import DecodeError

with atheris.instrument_imports(include=["snncc"]):
    import snncc
    import snncc.cli
from mutations import mutated
from seeds import CONVERTED, NETWORKS, converted, network


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
    atheris.Setup([*sys.argv, "-max_len=60000", "-rss_limit_mb=8192", "-timeout=120"], convert, custom_mutator=mutate)
    atheris.Fuzz()

# SPDX-License-Identifier: Apache-2.0
"""CPU time of ResNet-20 in every coding, relative to its float network, with kernels and with function bodies.

    python tests/benchmarks/coding_speed.py [--shared DIR] [--rounds N] [--threads N ...]

One process. Networks take turns, and the medians of the ratios to the float network's time are printed, with the
largest ratio that is acceptable. Also an MLP whose input has a last axis of length 1.
"""

from __future__ import annotations

import argparse
import logging
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from accuracy import NETWORKS, shared_folder
from onnx import numpy_helper, parser
from speed import measure, sessions

import snncc
from snncc.coding import Coding
from snncc.runtime.native import Library

_MLP = """<ir_version: 10, opset_import: ["": 21]> mlp (float[N,784,1] x) => (float[N,10] y) {
    f = Flatten (x) a = Gemm (f, W) b = Relu (a) c = Gemm (b, V) d = Relu (c) y = Gemm (d, U) }"""


@dataclass(frozen=True)
class Row:
    """A network in a coding, the batch sizes, and the largest ratios for kernels and bodies; None: no bar."""

    title: str
    coding: Coding
    bars: dict[int, tuple[float | None, float | None]]
    bodies: bool = True  # whether bodies are measured: those over time take minutes


ROWS = (
    Row("phase T=16, Q=1.2", snncc.Phase(T=16, Q=1.2), {32: (1.13, 4.0), 1: (1.15, None)}),
    Row("phase T=16, fitted levels", snncc.Phase(T=16), {32: (1.13, 4.0), 1: (1.15, None)}),
    Row("few-spikes K=6", snncc.FS(K=6), {32: (1.22, 1.4)}),
    Row("rate T=32, waiting", snncc.Rate(T=32, wait=32), {32: (1.3, 1.4)}),
    Row("MSAT T=64", snncc.MSAT(T=64), {8: (100.0, None)}, bodies=False),
)


def mlp() -> onnx.ModelProto:
    """An untrained MLP of 784, 256, 256 and 10 neurons."""
    rng, model = np.random.default_rng(0), parser.parse_model(_MLP)
    for name, (inputs, outputs) in {"W": (784, 256), "V": (256, 256), "U": (256, 10)}.items():
        weight = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        model.graph.initializer.append(numpy_helper.from_array(weight.astype(np.float32), name))
    return model


def conversions(shared: Path) -> Iterator[tuple[Row, onnx.ModelProto, onnx.ModelProto, tuple[int, ...]]]:
    """(Row, float network, spiking network, shape of a sample)."""
    network = NETWORKS["resnet20"]
    ann, preprocess = onnx.load(network.model(shared)), network.preprocessing(shared)
    for row in ROWS:
        data = network.samples(shared, "calib")
        yield row, ann, snncc.convert(ann, row.coding, calibration=data, preprocess=preprocess), (3, 32, 32)
    noise = np.random.default_rng(1).normal(size=(64, 784, 1)).astype(np.float32)
    row = Row("MLP [N, 784, 1], phase T=16", snncc.Phase(T=16, Q=1.2), {32: (None, 5.0)})
    yield row, mlp(), snncc.convert(mlp(), row.coding, calibration={"x": noise}), (784, 1)


def cpu() -> str:
    """The name of the CPU and the widest vectors that it has for the kernels."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor()])[0]}, {Library().cpu_variant}"


def main() -> None:
    parser_ = argparse.ArgumentParser(description="CPU time of ResNet-20 in every coding against the float network.")
    parser_.add_argument("--shared", type=Path, help="folder with models/ and data/ [$SNNCC_SHARED or ../shared]")
    parser_.add_argument("--rounds", type=int, default=9)
    parser_.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser_.parse_args()
    logging.getLogger("snncc").setLevel(logging.ERROR)
    print(f"{cpu()}\n\n| network | batch | threads | kernels | bodies | bars |")
    print("|---|---|---|---|---|---|")
    for row, ann, snn, sample in conversions(shared_folder(arguments.shared)):
        for batch, bars in row.bars.items():
            images = np.random.default_rng(0).normal(size=(batch, *sample)).astype(np.float32)
            for threads in arguments.threads:
                found = sessions(ann, snn, threads, "cpu")[: 3 if row.bodies else 2]
                _, ratios = measure(found, images, arguments.rounds, "cpu")
                cells = [row.title, batch, threads, *(f"{ratio:.2f}" for ratio in ratios[1:])]
                cells += [""] * (5 - len(cells)) + [" / ".join("" if bar is None else f"{bar:g}" for bar in bars)]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Bandwidth of the neuron kernels on the CPU, one thread, beside memcpy of the same array.

    python tests/benchmarks/neuron_kernels.py [--rounds 15]

GB/s counts every array that is read or written once. The percentage is memcpy's time over the kernel's, so a kernel
that reads two arrays cannot reach 100. Kernels and memcpy take turns, and medians are shown.
"""

from __future__ import annotations

import argparse
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snncc.ops.msat import PRESETS
from snncc.runtime.native import Library, Neuron

SIZES = {"16 Ki": 2**14, "512 Ki": 2**19, "16 Mi": 2**24}
VARIANTS = ("avx512", "avx2", "plain")
PHASES = {16: 1.3, 24: 1.2}
CHANNELS = 64
FS_STEPS = 10
STEPS = 16


@dataclass
class Candidate:
    """Something to measure: what it is called, how many arrays it touches, and one run of it."""

    kernel: str
    variant: str
    arrays: int
    run: Callable[[], None]


def neurons(size: int, rng: np.random.Generator) -> dict[str, tuple[int, Neuron]]:
    """What is measured: how many arrays of `size` elements it touches, and the call."""
    x, residual = (rng.normal(0.3, 0.5, size).astype(np.float32) for _ in range(2))
    y = np.zeros_like(x)
    one = np.float32([1])
    found = {}
    for T, Q in PHASES.items():
        levels = Q ** -np.arange(float(T))
        tables = {"levels": np.float32(levels).tolist(), "thresholds": np.float32((1 + 1 / Q) / 2 * levels).tolist()}
        per_channel = rng.uniform(0.5, 2, (CHANNELS, 1)).astype(np.float32)
        rows = x.reshape(CHANNELS, -1)
        weight = np.float32([0.7])
        found |= {
            f"one-spike T={T}": (2, Neuron("OneSpikeNeuron", [x, one], tables, [y])),
            f"one-spike T={T}, scale per channel": (
                2,
                Neuron("OneSpikeNeuron", [rows, per_channel], tables, [y.reshape(rows.shape)]),
            ),
            f"residual T={T}": (3, Neuron("ResidualOneSpikeNeuron", [x, one, residual, weight], tables, [y])),
        }
    halves = (2.0 ** -np.arange(1.0, FS_STEPS + 1)).tolist()
    few = {"thresholds": halves, "resets": halves, "values": halves, "initial": 2.0 ** -(FS_STEPS + 1)}
    found[f"few-spikes K={FS_STEPS}"] = (2, Neuron("FSNeuron", [x, one], few, [y]))
    stacked = x.reshape(STEPS, -1)
    folded = y.reshape(stacked.shape)
    start, step = np.zeros(1, np.float32), np.zeros(1, np.int64)
    rate = {"steps": STEPS, "bias": 0.0}
    msat = {"steps": STEPS, **PRESETS["resnet20"]}
    found[f"integrate-and-fire T={STEPS}"] = (2, Neuron("IFNeuron", [stacked, one, start], rate, [folded]))
    found[f"MSAT T={STEPS}"] = (2, Neuron("MSATNeuron", [stacked, one, start, start, step], msat, [folded]))
    return found


def candidates(library: Library, size: int) -> list[Candidate]:
    """Memcpy first, then each kernel in each variant."""
    rng = np.random.default_rng(0)
    source, target = rng.random(size, np.float32), np.zeros(size, np.float32)
    copy = ctypes.CDLL(None).memcpy
    copy.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    found = [Candidate("memcpy", "", 2, lambda: copy(target.ctypes.data, source.ctypes.data, source.nbytes))]
    for kernel, (arrays, neuron) in neurons(size, rng).items():
        found += [
            Candidate(kernel, variant, arrays, neuron.run) for variant in VARIANTS if library.use_cpu_variant(variant)
        ]
    return found


def measure(library: Library, runs: list[Candidate], size: int, rounds: int) -> list[float]:
    """Median seconds of one run of each, in turns."""
    repeats = max(1, 2**22 // size)
    seconds = np.zeros((len(runs), rounds))
    for turn in range(rounds):
        for index, candidate in enumerate(runs):
            library.use_cpu_variant(candidate.variant)
            candidate.run()
            start = time.perf_counter()
            for _ in range(repeats):
                candidate.run()
            seconds[index, turn] = (time.perf_counter() - start) / repeats
    return [float(median) for median in np.median(seconds, axis=1)]


def main() -> None:
    """Print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    library = Library()
    for label, size in SIZES.items():
        runs = candidates(library, size)
        seconds = measure(library, runs, size, rounds)
        print(f"\n{label} elements{'':31}{'µs':>10}{'GB/s':>8}{'% of memcpy':>13}")
        for candidate, median in zip(runs, seconds, strict=True):
            rate = candidate.arrays * 4 * size / median / 1e9
            name = f"{candidate.kernel:36}{candidate.variant:8}"
            print(f"{name}{median * 1e6:10.2f}{rate:8.1f}{100 * seconds[0] / median:13.1f}")


if __name__ == "__main__":
    main()

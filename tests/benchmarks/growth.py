# SPDX-License-Identifier: Apache-2.0
"""Conversion time against the size of the network.

    python tests/benchmarks/growth.py [--sizes 100 300 1000] [--codings phase fs rate] [NETWORK ...]

Networks are those of `snncc.models.growing`; 16 samples calibrate. Times are CPU seconds of this process, with one
thread; the last column is the time of the largest over that of the smallest, divided by the ratio of sizes: 1
is linear.
"""

from __future__ import annotations

import argparse
import logging
import time

import numpy as np

import snncc
from snncc.analysis.cpu_session import threads
from snncc.models.growing import DEEP, WIDE

CODINGS = {"phase": snncc.Phase(T=16, Q=1.3), "fs": snncc.FS(K=8), "rate": snncc.Rate(T=16), "msat": snncc.MSAT(T=16)}
USUAL = ("mlp", "normalised", "residual", "concat")


def seconds(network: str, size: int, coding: str) -> float:
    """CPU time of one conversion."""
    model = (DEEP | WIDE)[network](size)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    x = np.random.default_rng(1).uniform(0, 1, [16, *shape]).astype(np.float32)
    start = time.process_time()
    with threads(1):
        snncc.convert(model, CODINGS[coding], calibration=x)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(USUAL))
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 300, 1000])
    parser.add_argument("--codings", nargs="+", choices=CODINGS, default=["phase", "fs", "rate"])
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"{'network':16}{'coding':8}", *(f"{size:>9}" for size in options.sizes), "   growth")
    for network in options.networks:
        for coding in options.codings:
            seconds(network, 3, coding)  # whatever is done once
            times = [seconds(network, size, coding) for size in options.sizes]
            growth = times[-1] / times[0] * options.sizes[0] / options.sizes[-1]
            print(f"{network:16}{coding:8}", *(f"{t:7.2f} s" for t in times), f"{growth:9.2f}", flush=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Accuracy and spikes of every coding on ResNet-20.

    python tests/benchmarks/codings.py [--shared DIR] [--tables NAME ...] [--limit N]

Tables: `codings` (each at its usual settings), `wait` (phase coding that does not wait for all of its input;
one_spike.txt, Table VIII), `msat` (MSAT against rate coding with the same layer-wise thresholds, T = 16 … 256, as the
papers have it and with potentials matched), `confidence` (msat.txt, Table 6). Scales come from calibration images.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accuracy import NETWORKS, Network, evaluate, shared_folder

import snncc
from snncc.coding import Coding

__all__ = ["TABLES", "Row", "convert"]

_LAYER = {"normalize": "layer", "scale": "max"}
_PAPER = {**_LAYER, "match": False}


@dataclass(frozen=True)
class Row:
    """One conversion: the coding and further options of convert."""

    coding: Coding
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What sets it apart."""
        letters = {k: v for k, v in self.coding.parameters().items() if v != getattr(type(self.coding), k, None)}
        named = {**{k: v for k, v in letters.items() if k not in ("name", *_PRESET)}, **self.options}
        return f"{self.coding.name} {' '.join(f'{k}={v}' for k, v in named.items())}".strip()


_PRESET = ("alpha", "k_a", "k_i", "C", "tau_mp", "tau_rd", "V_T")


def codings() -> Iterator[Row]:
    """Every coding at its usual settings."""
    for T, Q in ((16, 1.3), (24, 1.2)):
        yield Row(snncc.Phase(T=T, Q=Q))
    for K in (4, 6, 10):
        yield Row(snncc.FS(K=K))
    yield Row(snncc.FS(K=10, alpha=25.0, shift=False))
    yield Row(snncc.Rate(T=16, wait=16))
    yield Row(snncc.Rate(T=32))
    for T in (16, 32, 64, 128):
        yield Row(snncc.Rate(T=T, signed=False))
    for T in (64, 128):
        yield Row(snncc.MSAT(T=T), _LAYER)


def wait() -> Iterator[Row]:
    """Phase coding over the wait steps."""
    for T, Q in ((16, 1.3), (24, 1.2)):
        for steps in range(4, T + 1, 2 if T == 16 else 4):
            yield Row(snncc.Phase(T=T, Q=Q, wait=steps))


def msat() -> Iterator[Row]:
    """MSAT and rate coding with the same thresholds."""
    for options in (_PAPER, _LAYER):
        for T in (16, 32, 64, 128, 256):
            yield Row(snncc.Rate(T=T), options)
            yield Row(snncc.MSAT(T=T), options)


def confidence() -> Iterator[Row]:
    """Without spike confidence, in the last layer, and in all layers."""
    for options in (_PAPER, _LAYER):
        yield Row(snncc.MSAT(T=32), options)
        for layers in ("last", "all"):
            yield Row(snncc.MSAT(T=32, confidence="auto", confidence_layers=layers), options)


TABLES = {"codings": codings, "wait": wait, "msat": msat, "confidence": confidence}


def convert(network: Network, shared: Path, row: Row) -> Any:
    """The spiking network of a row."""
    return snncc.convert(
        network.model(shared),
        row.coding,
        calibration=network.samples(shared, "calib"),
        preprocess=network.preprocessing(shared),
        **row.options,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy and spikes of every coding on ResNet-20.")
    parser.add_argument("--shared", type=Path, help="folder with models/ and data/ [$SNNCC_SHARED or ../shared]")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), metavar="NAME")
    parser.add_argument("--limit", type=int, default=1000, help="evaluate the first so many images [1000]")
    arguments = parser.parse_args()
    logging.getLogger("snncc").setLevel(logging.ERROR)
    shared, network = shared_folder(arguments.shared), NETWORKS["resnet20"]
    for name in arguments.tables:
        print(f"\n| {name} | ANN % | SNN % | spikes/neuron | most | SIN/neuron | gain | steps |\n|{'---|' * 8}")
        for row in TABLES[name]():
            found = evaluate(network, shared, convert(network, shared, row), arguments.limit)
            sin = found.to_json().get("sin") or {}
            assert found.top1 is not None
            cells = (
                row.title,
                f"{found.top1[0]:.2f}",
                f"{found.top1[1]:.2f}",
                f"{found.spikes_per_neuron:.3f}",
                str(found.max_spikes),
                f"{sin['ans']:.4f}" if sin else "",
                f"{found.energy.gain() or 0:.2f}",
                str(found.latency_steps),
            )
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

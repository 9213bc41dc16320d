# SPDX-License-Identifier: Apache-2.0
"""Accuracy, spikes and energy of converted networks on real data.

    python tests/benchmarks/accuracy.py [--shared DIR] [--networks NAME ...] [--limit N] [--json FILE] [--markdown]

converts each network at T=16, Q=1.3 and T=24, Q=1.2, with calibration data and without, and evaluates it on the whole
test set. For ResNet-20 also: without the threshold shift (one_spike.txt, Fig. 7), and other codings of the input (Table
VII). DIR, by default $SNNCC_SHARED or ../shared, holds the trained networks in models/ and the images in data/.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import snncc
from snncc.evaluation.result import Evaluation

__all__ = ["NETWORKS", "SETTINGS", "Network", "Trial", "convert", "evaluate", "shared_folder", "trials"]

SETTINGS = ((16, 1.3), (24, 1.2))
_IMAGENET = "scale=1/255,mean=.485 .456 .406,std=.229 .224 .225"


@dataclass(frozen=True)
class Network:
    """A trained network of the shared folder.

    `range` is what its input values lie in: known from the preprocessing, and needed where there is neither data nor
    BatchNormalization. `features` names the array of a data file that holds raw features, (value - offset) * factor.
    """

    title: str
    file: str
    data: str
    preprocess: str | None = None
    range: tuple[float, float] | None = None
    features: tuple[str, float, float] | None = None

    def model(self, shared: Path) -> Path:
        return shared / "models" / f"{self.file}.onnx"

    def preprocessing(self, shared: Path) -> str | None:
        return None if self.preprocess is None else self.preprocess.replace("DATA", str(shared / "data"))

    def samples(self, shared: Path, part: str) -> Path | dict[str, Any]:
        """What `snncc.convert` and `snncc.evaluate` take: the file, unless its features need arithmetic first."""
        path = shared / "data" / f"{self.data}_{part}.npz"
        if self.features is None:
            return path
        key, offset, factor = self.features
        with np.load(path) as arrays:
            values = ((arrays[key].astype(np.float64) - offset) * factor).astype(np.float32)
            return {"input": values, "labels": arrays["labels"]}


NETWORKS = {
    "resnet20": Network("ResNet-20, CIFAR-10", "resnet20_cifar10", "cifar10", _IMAGENET),
    "resnet32": Network("ResNet-32, CIFAR-10", "resnet32_cifar10", "cifar10", _IMAGENET),
    "resnet32_cifar100": Network(
        "ResNet-32, CIFAR-100",
        "resnet32_cifar100",
        "cifar100",
        "scale=1/255,mean=.5071 .4867 .4408,std=.2675 .2565 .2761",
    ),
    "resnet8": Network("ResNet-8, CIFAR-10", "resnet8_mlperftiny_cifar10", "cifar10", "raw"),
    "quick": Network(
        "cifar10_quick", "cifar10_quick_caffe", "cifar10", "mean=DATA/cifar10_train_mean_image.npy", (-128.0, 128.0)
    ),
    "squeezenet": Network(
        "SqueezeNet 1.0, ImageNet",
        "squeezenet1.0_dc_imagenet_227",
        "imagenet",
        "bgr,mean=104 117 123",
        (-123.0, 151.0),
    ),
    "mnist": Network("MNIST", "mnist8_cntk", "mnist", "raw", (0.0, 255.0)),
    "dscnn": Network("DS-CNN, keywords", "dscnn_kws_mlperftiny", "kws", features=("features_int8", 83.0, 0.5847029)),
}


@dataclass(frozen=True)
class Trial:
    """One conversion: the coding, where scales come from (`data`, `none`, or `range`), further options of convert."""

    coding: snncc.Phase
    source: str = "data"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What sets it apart from the plain conversion."""
        coded = [] if self.coding.input == "binary" else [f"input {self.coding.input}"]
        shift = [] if self.coding.shift else ["no shift"]
        return ", ".join([*coded, *shift, *(f"{key} {value}" for key, value in self.options.items())])


def trials(name: str, coded_input: str = "binary") -> Iterator[Trial]:
    """All conversions of a network that the table shows."""
    for T, Q in SETTINGS:
        coding = snncc.Phase(T=T, Q=Q, input=coded_input)
        free = replace(coding, Q="auto")
        yield Trial(free)
        yield Trial(free, options={"levels": "fitted"})
        yield Trial(coding)
        yield Trial(coding, "none")
        if NETWORKS[name].range is not None:
            yield Trial(coding, "range")
    if name == "resnet20" and coded_input == "binary":
        for T, Q in SETTINGS:
            yield Trial(snncc.Phase(T=T, Q=Q), options={"percentile": 99.99})
            yield Trial(snncc.Phase(T=T, Q=Q), options={"scale": "max"})
        T, Q = SETTINGS[0]
        floored = snncc.Phase(T=T, Q=Q, shift=False)
        yield Trial(floored)
        yield Trial(floored, options={"scale": "max"})
        yield Trial(floored, options={"scale": "max", "match": False})
        for coded in ("one", "analog"):
            for T, Q in SETTINGS:
                yield Trial(snncc.Phase(T=T, Q=Q, input=coded))


def convert(network: Network, shared: Path, trial: Trial) -> Any:
    """The spiking network of a trial."""
    return snncc.convert(
        network.model(shared),
        trial.coding,
        calibration=network.samples(shared, "calib") if trial.source == "data" else None,
        preprocess=network.preprocessing(shared),
        input_range=network.range if trial.source == "range" else None,
        **trial.options,
    )


def evaluate(network: Network, shared: Path, snn: Any, limit: int | None = None) -> Evaluation:
    """A spiking network compared with its source on the test set."""
    return snncc.evaluate(
        snn,
        network.model(shared),
        network.samples(shared, "test"),
        preprocess=network.preprocessing(shared),
        limit=limit,
        device="cpu",
        timed=False,
    )


def shared_folder(given: Path | None = None) -> Path:
    """The folder of trained networks and real data, which the repository does not hold."""
    return given or Path(os.environ.get("SNNCC_SHARED", Path(__file__).resolve().parents[3] / "shared"))


COLUMNS = (
    "network",
    "T",
    "Q",
    "scales from",
    "note",
    "ANN %",
    "SNN %",
    "loss",
    "spikes/neuron",
    "most",
    "gain, counted",
    "gain, formula",
    "steps",
)


def row(network: Network, trial: Trial, found: Evaluation) -> tuple[str, ...]:
    """One line of the table."""
    assert found.top1 is not None
    assert found.drop is not None
    gains = [found.energy.gain(), found.energy.formula_gain()]
    return (
        network.title,
        str(trial.coding.T),
        trial.coding.Q if isinstance(trial.coding.Q, str) else f"{trial.coding.Q:g}",
        {"data": "data", "none": "noise", "range": "noise in range"}[trial.source],
        trial.note,
        f"{found.top1[0]:.2f}",
        f"{found.top1[1]:.2f}",
        f"{found.drop:.2f}",
        f"{found.spikes_per_neuron:.3f}",
        str(found.max_spikes),
        *("" if gain is None else f"{gain:.2f}" for gain in gains),
        str(found.latency_steps),
    )


class Table:
    """Prints rows as they come: Markdown, or columns of fixed width."""

    def __init__(self, *, markdown: bool) -> None:
        self._markdown = markdown
        self._widths = [max(len(c), w) for c, w in zip(COLUMNS, (25, 2, 3, 14, 34, *[6] * 8), strict=True)]
        self.add(COLUMNS)
        if markdown:
            self.add(["---"] * len(COLUMNS))

    def add(self, cells: Any) -> None:
        if self._markdown:
            print(f"| {' | '.join(cells)} |", flush=True)
        else:
            print("  ".join(c.ljust(w) for c, w in zip(cells, self._widths, strict=True)).rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy, spikes and energy of converted networks on real data.")
    parser.add_argument("--shared", type=Path, help="folder with models/ and data/ [$SNNCC_SHARED or ../shared]")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--input", choices=("binary", "one", "analog"), default="binary", help="coding of the input")
    parser.add_argument("--limit", type=int, help="evaluate the first so many samples only")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    logging.getLogger("snncc").setLevel(
        logging.ERROR
    )  # that there is no calibration data is the point of half the rows
    shared = shared_folder(arguments.shared)
    if not (shared / "models").is_dir():
        parser.error(f"there are no trained networks at {shared}; give --shared or set SNNCC_SHARED")
    table, results = Table(markdown=arguments.markdown), []
    for name in arguments.networks:
        for trial in trials(name, arguments.input):
            started = time.perf_counter()
            snn = convert(NETWORKS[name], shared, trial)
            seconds = time.perf_counter() - started
            found = evaluate(NETWORKS[name], shared, snn, arguments.limit)
            table.add(row(NETWORKS[name], trial, found))
            settings = {**asdict(trial.coding), "scales": trial.source, **trial.options, "convert_seconds": seconds}
            results.append({"network": name, **settings, **found.to_json()})
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

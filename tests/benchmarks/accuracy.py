# SPDX-License-Identifier: Apache-2.0
"""Accuracy, spikes and energy of converted networks on real data.

    python tests/benchmarks/accuracy.py [--shared DIR] [--networks NAME ...] [--recipes NAME ...] [--limit N]
                                        [--json FILE] [--markdown]

converts each network by each recipe, and evaluates it on its test images; the file says how many there are. Recipes:
`default`, what `snncc convert --T` does with --calib and without; `powers`, the paper's, with and without; `parts`,
the default without each of its parts, and tuned; `differential`; `rate`; and `paper`: without the threshold shift
(one_spike.txt, Fig. 7), and other codings of the input (Table VII). DIR, by default $SNNCC_SHARED or ../shared, holds
the trained networks in models/ and the images in data/.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import snncc
from snncc.coding import Coding
from snncc.coding.label import label
from snncc.evaluation.result import Evaluation

__all__ = ["NETWORKS", "Network", "Trial", "convert", "evaluate", "shared_folder"]

_IMAGENET = "scale=1/255,mean=.485 .456 .406,std=.229 .224 .225"
_CIFAR100 = "scale=1/255,mean=.5071 .4867 .4408,std=.2675 .2565 .2761"


@dataclass(frozen=True)
class Network:
    """A trained network of the shared folder.

    `range` is what its input values lie in: known from the preprocessing, and needed where there is neither data nor
    BatchNormalization. `features` names the array of a data file that holds raw features, (value - offset) * factor.
    `crop` is the number of pixels that are cut off at the top and left, `size` how many rows and columns are left.
    """

    title: str
    file: str
    data: str
    preprocess: str | None = None
    range: tuple[float, float] | None = None
    features: tuple[str, float, float] | None = None
    crop: int = 0
    size: int | None = None

    def model(self, shared: Path) -> Path:
        return shared / "models" / f"{self.file}.onnx"

    def preprocessing(self, shared: Path) -> str | None:
        return None if self.preprocess is None else self.preprocess.replace("DATA", str(shared / "data"))

    def samples(self, shared: Path, part: str) -> Path | dict[str, Any]:
        """What `snncc.convert` and `snncc.evaluate` take: the file, unless its features need arithmetic first."""
        path = shared / "data" / f"{self.data}_{part}.npz"
        if self.size is not None:
            kept = slice(self.crop, self.crop + self.size)
            with np.load(path) as arrays:
                return {"input": arrays["images"][:, kept, kept], "labels": arrays["labels"]}
        if self.features is None:
            return path
        key, offset, factor = self.features
        with np.load(path) as arrays:
            values = ((arrays[key].astype(np.float64) - offset) * factor).astype(np.float32)
            return {"input": values, "labels": arrays["labels"]}


NETWORKS = {
    "resnet20": Network("ResNet-20, CIFAR-10", "resnet20_cifar10", "cifar10", _IMAGENET),
    "resnet32": Network("ResNet-32, CIFAR-10", "resnet32_cifar10", "cifar10", _IMAGENET),
    "resnet20_cifar100": Network("ResNet-20, CIFAR-100", "resnet20_cifar100", "cifar100", _CIFAR100),
    "resnet32_cifar100": Network("ResNet-32, CIFAR-100", "resnet32_cifar100", "cifar100", _CIFAR100),
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
    "mobilenet": Network(
        "MobileNet v1 0.75, ImageNet", "mobilenet_v1_075_imagenet", "imagenet", "mean=127.5,std=127.5", crop=1, size=224
    ),
    "lite0": Network(
        "EfficientNet-Lite0, ImageNet", "efficientnet_lite0_imagenet", "imagenet", "mean=127,std=128", crop=1, size=224
    ),
    "mnist": Network("MNIST", "mnist8_cntk", "mnist", "raw", (0.0, 255.0)),
    "dscnn": Network("DS-CNN, keywords", "dscnn_kws_mlperftiny", "kws", features=("features_int8", 83.0, 0.5847029)),
}


@dataclass(frozen=True)
class Trial:
    """One conversion: the coding, whether with calibration data, further options of convert."""

    coding: Coding
    data: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The coding and the options."""
        return " ".join((label(self.coding), *(f"{key}={value}" for key, value in self.options.items())))


_DEFAULTS = [snncc.Phase(T=T) for T in (8, 16, 24)]
_POWERS = [snncc.Phase(T=T, Q=Q) for T, Q in ((8, 1.6), (16, 1.3), (24, 1.2))]
_PARTS: tuple[dict[str, Any], ...] = (  # options, each of which changes one part of the default
    {"share_steps": False},
    {"levels": "fitted", "share_steps": True},
    {"match": False},
    {"spike_linear": False},
    {"tune": True},
)
_FLOORED = snncc.Phase(T=16, Q=1.3, shift=False)
RECIPES: dict[str, list[Trial]] = {
    "default": [Trial(coding, data) for coding in _DEFAULTS for data in (True, False)],
    "powers": [Trial(coding, data) for coding in _POWERS for data in (True, False)],
    "parts": [Trial(coding, options=part) for coding in _DEFAULTS[1:] for part in _PARTS],
    "differential": [Trial(snncc.Differential(T=T)) for T in (2, 3, 4)],
    "rate": [Trial(snncc.Rate(T=T, wait=wait)) for T in (8, 16, 32) for wait in (None, T)],
    "paper": [
        Trial(_FLOORED),
        Trial(_FLOORED, options={"scale": "max"}),
        Trial(_FLOORED, options={"scale": "max", "match": False}),
        *(Trial(snncc.Phase(T=T, Q=Q, input=coded)) for coded in ("one", "analog") for T, Q in ((16, 1.3), (24, 1.2))),
    ],
}


def convert(network: Network, shared: Path, trial: Trial) -> Any:
    """The spiking network of a trial."""
    return snncc.convert(
        network.model(shared),
        trial.coding,
        calibration=network.samples(shared, "calib") if trial.data else None,
        preprocess=network.preprocessing(shared),
        input_range=None if trial.data else network.range,
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
    "recipe",
    "calib",
    "n",
    "ANN %",
    "SNN %",
    "loss",
    "agree %",
    "error",
    "spikes/neuron",
    "input spikes",
    "gain, counted",
    "gain, formula",
    "steps",
    "convert s",
)


def row(network: Network, trial: Trial, found: Evaluation, seconds: float) -> tuple[str, ...]:
    """One line of the table; the loss with the standard error of a difference of `n` pairs of answers."""
    assert found.top1 is not None
    assert found.drop is not None
    wrong = 1 - found.agreement
    gains = [found.energy.gain(), found.energy.formula_gain()]
    return (
        network.title,
        trial.title,
        "yes" if trial.data else "no",
        str(found.samples),
        f"{found.top1[0]:.2f}",
        f"{found.top1[1]:.2f}",
        f"{found.drop:.2f} ± {100 * math.sqrt(wrong / found.samples):.2f}",
        f"{100 * found.agreement:.2f}",
        f"{found.output_error:.4f}",
        f"{found.spikes_per_neuron:.3f}",
        *("" if value is None else f"{value:.2f}" for value in (found.input_spikes_per_value, *gains)),
        str(found.latency_steps),
        f"{seconds:.0f}",
    )


class Table:
    """Prints rows as they come: Markdown, or columns of fixed width."""

    def __init__(self, *, markdown: bool) -> None:
        self._markdown = markdown
        self._widths = [max(len(c), w) for c, w in zip(COLUMNS, (28, 34, *[6] * 13), strict=True)]
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
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["default"], metavar="NAME")
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
        for trial in (t for recipe in arguments.recipes for t in RECIPES[recipe]):
            started = time.perf_counter()
            snn = convert(NETWORKS[name], shared, trial)
            seconds = time.perf_counter() - started
            found = evaluate(NETWORKS[name], shared, snn, arguments.limit)
            table.add(row(NETWORKS[name], trial, found, seconds))
            settings = {**asdict(trial.coding), "data": trial.data, **trial.options, "convert_seconds": seconds}
            results.append({"network": name, **settings, **found.to_json()})
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

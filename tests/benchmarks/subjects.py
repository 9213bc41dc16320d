# SPDX-License-Identifier: Apache-2.0
"""Networks of the network table: trained ones with data, third-party graphs, and our untrained ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from accuracy import NETWORKS, Network
from onnx import helper, numpy_helper

from snncc.calibration.synthetic_inputs import coloured_noise
from snncc.io.batches import batches, labels_of
from snncc.io.input_specs import specs_of
from snncc.io.preprocess import Preprocess
from snncc.models.zoo import ZOO, noise

__all__ = ["Subject", "subjects"]

Arrays = dict[str, np.ndarray[Any, Any]]

_CIFAR = "scale=1/255,mean=.4914 .4822 .4465,std=.2471 .2435 .2616"
_TOPOLOGY = {  # files of models/topology whose data is known
    "vnn_resnet_2b": ("cifar10", _CIFAR),
    "vnn_cifar10_large": ("cifar10", "scale=1/255"),
    "vnn_mnist-net_256x4": ("mnist", "scale=1/255"),
    "vnn_mnist_relu_9_200": ("mnist", "scale=1/255"),
    "vnn_Convnet_maxpool": ("mnist", "scale=1/255"),
}
_LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@dataclass(frozen=True)
class Subject:
    """A network with samples to calibrate and to try it on; `large` ones get fewer of them, and of time steps."""

    title: str
    model: onnx.ModelProto
    calibration: Arrays
    samples: Arrays
    labels: np.ndarray[Any, Any] | None = None
    large: bool = False


def subjects(shared: Path, limit: int) -> Iterator[Subject]:
    """All of them: trained ones with up to `limit` test samples, others with some of noise."""
    for network in (*NETWORKS.values(), *(Network(n, f"topology/{n}", *given) for n, given in _TOPOLOGY.items())):
        yield _trained(network, shared, limit)
    known = {network.file for network in NETWORKS.values()} | {f"topology/{n}" for n in _TOPOLOGY}
    for path in sorted((shared / "models").glob("**/*.onnx")):
        if path.relative_to(shared / "models").with_suffix("").as_posix() not in known:
            yield _on_noise(path.stem, onnx.load(path))
    for name, build in ZOO.items():
        model = build()
        yield Subject(f"{name} (seeded)", model, noise(model, 32, 0), noise(model, 8, 1))
    for path in sorted(_LIGHT.glob("*.onnx")):
        yield _on_noise(path.stem, _drawn_anew(onnx.load(path)), large=True)


def _trained(network: Network, shared: Path, limit: int) -> Subject:
    model = onnx.load(network.model(shared))
    given = network.preprocessing(shared)
    preprocess = Preprocess.parse(given) if given else None

    def part(name: str, most: int) -> Arrays:
        stream = batches(network.samples(shared, name), specs_of(_open_batch(model)), preprocess=preprocess)
        found: list[Arrays] = []
        while sum(len(next(iter(b.values()))) for b in found) < most and (batch := next(stream, None)):
            found.append(batch)
        return {key: np.concatenate([b[key] for b in found])[:most] for key in found[0]}

    labels = labels_of(network.samples(shared, "test"))
    assert labels is not None
    return Subject(network.title, model, part("calib", 64), part("test", limit), labels[:limit])


def _on_noise(title: str, model: onnx.ModelProto, *, large: bool = False) -> Subject:
    specs = specs_of(_open_batch(model))
    kinds = [(8, 0), (2, 1)] if large else [(32, 0), (8, 1)]
    parts = [{s.name: coloured_noise(s, count, np.random.default_rng(seed)) for s in specs} for count, seed in kinds]
    return Subject(title, model, *parts, large=large)


def _open_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose inputs have an open batch axis."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    weights = {t.name for t in copy.graph.initializer}
    inputs = [i for i in copy.graph.input if i.name not in weights]
    del copy.graph.input[:]
    copy.graph.input.extend(inputs)
    for value in inputs:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return copy


def _drawn_anew(model: onnx.ModelProto) -> onnx.ModelProto:
    """The light models with seeded weights: in the files, all weights of a layer are one number."""
    rng = np.random.default_rng(0)
    shapes = {
        t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT64
    }
    roles = {name: (n.op_type, index) for n in model.graph.node for index, name in enumerate(n.input)}
    kept = []
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in shapes and node.output[0] in roles:
            value = _weight(rng, [int(d) for d in shapes[node.input[0]]], *roles[node.output[0]])
            model.graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), node.output[0]))
            shape = helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, value.shape)
            model.graph.input.append(shape)  # as these models' old opset wants it
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _weight(rng: np.random.Generator, shape: list[int], op: str, index: int) -> Any:
    if op == "BatchNormalization":
        return rng.normal(0, 0.2, shape) if index in (2, 3) else rng.uniform(0.6, 1.2, shape)
    if len(shape) > 1 and op in ("Conv", "Gemm", "MatMul"):
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    return rng.uniform(0.6, 1.2, shape) if op == "Mul" else rng.normal(0, 0.1, shape)

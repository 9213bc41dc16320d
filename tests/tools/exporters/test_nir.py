# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

import snncc
from snncc.cli import main
from snncc.errors import ModelError, OptionError, UnsupportedOpError
from snncc.models.builder import NetworkBuilder
from snncc.models.seeded import SeededNetwork
from snncc.models.zoo import ZOO, noise
from snncc.tools.exporters import export

nir = pytest.importorskip("nir", reason="the package nir is not installed")

T = 16
Simulate = Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]


def residual() -> onnx.ModelProto:
    """Groups, strides, a residual sum, average pools, a linear layer."""
    net = SeededNetwork("residual", (2, 8, 8), 0)
    x = net.unit(net.input, "stem", 4)
    y = net.unit(net.unit(x, "a", 4, groups=2), "b", 4, relu=False)
    x = net.act(net.op("Add", [x, y], "sum"), "relu")
    x = net.unit(net.pool(x, "pool", op="AveragePool"), "last", 8, stride=2)
    return net.classifier(x, 5)


def dense() -> onnx.ModelProto:
    net = SeededNetwork("dense", (6,), 1)
    x = net.act(net.linear(net.input, "first", 16), "first.relu")
    return net.builder.build(net.linear(net.act(net.linear(x, "second", 12), "second.relu"), "last", 4), "logits", 4)


def waves() -> onnx.ModelProto:
    net = SeededNetwork("waves", (2, 32), 2)
    x = net.unit(net.unit(net.input, "first", 4, kernel=5, stride=2), "second", 4)
    return net.builder.build(x, "maps", 4, 16)


NETWORKS = {"residual": residual, "dense": dense, "waves": waves}


def converted(model: onnx.ModelProto, **options: object) -> onnx.ModelProto:
    coding = snncc.Rate(T=T, **{"shift": "bias", "signed": False, **options})
    return snncc.convert(model, coding, calibration=noise(model, 32, 0), form="folded")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shift", ["bias", "none"])
def test_same_spikes_when_read_back(simulate: Simulate, name: str, shift: str, tmp_path: Path) -> None:
    model = NETWORKS[name]()
    snn = converted(model, shift=shift)
    export(snn, tmp_path / "snn.nir")
    graph = nir.read(tmp_path / "snn.nir")
    feed = noise(model, 4, 1)
    trains, outputs = snncc.spike_trains(snn, feed)
    found, spikes = simulate(graph, feed["input"].astype(np.float64), T)
    assert len(trains.layers) == len(spikes) > 0
    for layer in trains.layers:
        fired = layer.spikes()
        sent = spikes[layer.name.replace("/", "_")].reshape(fired.shape)
        assert sent.any()
        np.testing.assert_array_equal(sent, fired)
    np.testing.assert_allclose(found.mean(0), next(iter(outputs.values())), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_resnet_20(simulate: Simulate, shared: Path, tmp_path: Path) -> None:
    calibration = np.load(shared / "data" / "cifar10_calib.npz")["images"]
    scale = "imagenet"
    path = shared / "models" / "resnet20_cifar10.onnx"
    snn = snncc.convert(
        path,
        snncc.Rate(T=T, shift="bias", signed=False),
        calibration=calibration[:128],
        preprocess=scale,
        form="folded",
    )
    export(snn, tmp_path / "snn.nir")
    mean, deviation = (np.float32(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    images = (calibration[-2:].transpose(0, 3, 1, 2) / np.float32(255) - mean) / deviation
    trains, _ = snncc.spike_trains(snn, images)
    _, spikes = simulate(nir.read(tmp_path / "snn.nir"), images.astype(np.float64), T)
    differ = [x.spikes() != spikes[x.name.replace("/", "_")] for x in trains.layers]
    assert not differ[0].any()
    assert sum(d.sum() for d in differ) < 1e-3 * sum(d.size for d in differ)  # sums in another order, at the threshold


def test_metadata_say_what_nir_cannot(tmp_path: Path) -> None:
    export(converted(residual()), tmp_path / "snn.nir")
    told = json.loads(nir.read(tmp_path / "snn.nir").metadata["snncc"])
    assert told["coding"]["T"] == T
    assert told["reset"] == "subtract v_threshold"
    assert told["output"] == "mean over the time steps"


def test_what_nir_cannot_say_is_named_at_once() -> None:
    net = NetworkBuilder("pools", (2, 8, 8))
    rng = np.random.default_rng(0)
    x = net.conv(net.input, "first", rng.normal(0, 1, (4, 2, 3, 3)).astype(np.float32), padding=1)
    x = net.add("MaxPool", [net.add("Relu", [x], "relu")], "pool", kernel_shape=[2, 2], strides=[2, 2])
    x = net.add("Transpose", [x], "turned", perm=[0, 1, 3, 2])
    x = net.conv(x, "second", rng.normal(0, 1, (2, 4, 1, 3)).astype(np.float32))
    model = net.build(net.add("Relu", [x], "last"), "maps", 2, 4, 2)
    with pytest.raises(UnsupportedOpError, match=r"pool.*turned.*second") as caught:
        export(converted(model))
    assert "maximum pooling" in str(caught.value)


@pytest.mark.parametrize(
    ("coding", "reason"),
    [
        (snncc.Phase(T=8, Q=1.4), "phase coding"),
        (snncc.FS(K=4), "fs coding"),
        (snncc.MSAT(T=8), "msat coding"),
        (snncc.Rate(T=8, shift="bias"), "--no-signed"),
        (snncc.Rate(T=8, shift="bias", wait=8), "--wait"),
        (snncc.Rate(T=8, signed=False), "--shift bias"),
    ],
)
def test_codings_that_nir_has_no_neuron_for(coding: object, reason: str) -> None:
    snn = snncc.convert(dense(), coding, calibration=noise(dense(), 16, 0))
    with pytest.raises(ModelError, match=reason):
        export(snn)


def test_only_converted_networks_and_known_formats() -> None:
    with pytest.raises(ModelError):
        export(ZOO["autoencoder"]())
    with pytest.raises(OptionError, match="no format 'tea'"):
        export(dense(), to="tea")


def test_the_command(tmp_path: Path) -> None:
    onnx.save(converted(dense()), tmp_path / "snn.onnx")
    given = ["export", str(tmp_path / "snn.onnx"), "--to", "nir", "-o", str(tmp_path / "snn.nir")]
    run = CliRunner().invoke(main, given)
    assert run.exit_code == 0, run.output
    assert "3 Affine, 2 IF" in " ".join(run.output.split())
    run = CliRunner().invoke(main, [*given, "--json"])
    assert json.loads(run.output)["nodes"]["IF"] == 2

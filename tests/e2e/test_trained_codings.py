# SPDX-License-Identifier: Apache-2.0
"""Every coding keeps the accuracy of trained networks on real data. `pytest -m slow -s` prints the figures."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.frontend import import_model
from snncc.runtime import create_session
from snncc.samples import batches
from snncc.specs import specs_of

pytestmark = pytest.mark.slow

LAYER = {"normalize": "layer", "scale": "max"}


def images(network, shared, model, count, size=20):
    """The first test images as the network takes them, in batches."""
    from snncc.preprocess import Preprocess

    given = network.preprocessing(shared)
    parsed = Preprocess.parse(given) if given else None
    stream = batches(network.samples(shared, "test"), specs_of(model), preprocess=parsed, batch_size=size)
    for _, batch in zip(range(count // size), stream, strict=False):
        yield batch


def outputs(model, feeds):
    session = create_session(model, device="cpu")
    return np.concatenate([session.run(None, batch)[0] for batch in feeds])


def converted(network, shared, coding, **options):
    calibration, preprocess = network.samples(shared, "calib"), network.preprocessing(shared)
    return snncc.convert(network.model(shared), coding, calibration=calibration, preprocess=preprocess, **options)


@pytest.mark.parametrize(
    ("coding", "options", "least"),
    [
        (snncc.FS(K=10), {}, 91.3),
        (snncc.FS(K=10, alpha=25.0, shift=False), {}, 91.0),
        (snncc.FS(K=6), {}, 91.0),
        (snncc.FS(K=4), {}, 90.5),
        (snncc.Rate(T=64), {}, 90.5),
        (snncc.Rate(T=16, wait=16), {}, 90.5),
        (snncc.Rate(T=32, signed=True), {}, 91.0),
        (snncc.Rate(T=32), {"percentile": 99.99}, 90.0),
        (snncc.MSAT(T=64), LAYER, 87.7),
        (snncc.Phase(T=16, Q=1.3, wait=12), {}, 89.5),
    ],
    ids=lambda value: repr(value).split(", preset")[0] if isinstance(value, snncc.coding.Coding) else None,
)
def test_resnet20_on_1000_images(accuracy, shared, coding, options, least):
    network = accuracy.NETWORKS["resnet20"]
    snn = converted(network, shared, coding, **options)
    found = accuracy.evaluate(network, shared, snn, limit=1000)
    print(f"\n{coding}: {found.top1}, spikes per neuron {found.spikes_per_neuron:.3f}")
    assert found.top1[1] >= least
    if coding == snncc.FS(K=4):
        assert found.spikes_per_neuron <= 0.85


@pytest.mark.parametrize(("name", "most"), [("mnist", 0.02), ("quick", 0.05)])
def test_max_pools_choose_by_rate(accuracy, shared, name, most):
    """Pooling the spikes of single steps directly is off by 0.7."""
    network = accuracy.NETWORKS[name]
    source = import_model(network.model(shared)).to_proto()
    snn = converted(network, shared, snncc.Rate(T=256))
    feeds = list(images(network, shared, source, 40, size=10))
    expected = outputs(source, feeds)
    error = np.linalg.norm(outputs(snn, feeds) - expected) / np.linalg.norm(expected)
    print(f"\n{network.title}, rate T=256: relative error of the outputs {error:.4f}")
    assert error < most


def test_forms_of_resnet20_are_equal(accuracy, shared):
    """Below the default optimisation level; at the default, the images whose outputs differ are counted."""
    import onnxruntime as ort

    from snncc.runtime import get_library_path

    network = accuracy.NETWORKS["resnet20"]
    found = {}
    for form in ("folded", "loop"):
        snn = converted(network, shared, snncc.Rate(T=8), form=form)
        feeds = list(images(network, shared, onnx.load(network.model(shared)), 60))
        for level in ("ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"):
            options = ort.SessionOptions()
            options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
            options.register_custom_ops_library(str(get_library_path()))
            session = create_session(snn, device="cpu", options=options)
            found[form, level] = np.concatenate([session.run(None, batch)[0] for batch in feeds])
    np.testing.assert_array_equal(found["folded", "ORT_ENABLE_EXTENDED"], found["loop", "ORT_ENABLE_EXTENDED"])
    default = [found[form, "ORT_ENABLE_ALL"] for form in ("folded", "loop")]
    print(f"\ndefault level: the outputs of {int((default[0] != default[1]).any(1).sum())} of 60 images differ")
    assert (default[0].argmax(1) != default[1].argmax(1)).mean() <= 0.05

# SPDX-License-Identifier: Apache-2.0
"""Every coding keeps the accuracy of trained networks on real data. `pytest -m slow -s` prints the figures.

Codings that run the network once a time step are held to a part of the images, for the same loss.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.frontend.import_model import import_model
from snncc.io.batches import batches
from snncc.io.input_specs import specs_of
from snncc.runtime import create_session
from tests.effort import IMAGES

pytestmark = pytest.mark.slow

LAYER = {"normalize": "layer", "scale": "max"}


def images(network, shared, model, count, size=20):
    """The first test images as the network takes them, in batches."""
    from snncc.io.preprocess import Preprocess

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
    ("coding", "options", "most"),
    [
        (snncc.FS(K=10), {}, 0.2),
        (snncc.FS(K=10, alpha=25.0, shift=False), {}, 0.5),
        (snncc.FS(K=6), {}, 0.5),
        (snncc.FS(K=4), {}, 1.0),
        (snncc.Rate(T=64), {}, 1.0),
        (snncc.Rate(T=16, wait=16), {}, 1.0),
        (snncc.Rate(T=32, signed=True), {}, 0.5),
        (snncc.Rate(T=32), {"percentile": 99.99}, 1.5),
        (snncc.MSAT(T=64), LAYER, 3.8),
        (snncc.Phase(T=16, Q=1.3, wait=12), {}, 2.0),
    ],
    ids=lambda value: repr(value).split(", preset")[0] if isinstance(value, snncc.coding.Coding) else None,
)
def test_resnet20_keeps_its_accuracy(accuracy, shared, coding, options, most):
    network = accuracy.NETWORKS["resnet20"]
    snn = converted(network, shared, coding, **options)
    over_time = isinstance(coding, snncc.Rate | snncc.MSAT)
    found = accuracy.evaluate(network, shared, snn, limit=IMAGES // 4 if over_time else IMAGES)
    print(f"\n{coding}: {found.top1}, spikes per neuron {found.spikes_per_neuron:.3f}")
    assert found.drop <= most
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

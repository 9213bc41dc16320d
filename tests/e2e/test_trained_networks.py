# SPDX-License-Identifier: Apache-2.0
"""Trained networks on real data keep their accuracy. `pytest -m slow -s` prints the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.runtime import create_session
from tests.effort import ALL_IMAGES, IMAGES

pytestmark = pytest.mark.slow

ONE = snncc.Phase(T=16, Q=1.3)
TWO = snncc.Phase(T=24, Q=1.2)

# Strict: the marker must be removed once the bars are reached. The first 1000 images reach that of T=24.
WHY = "least squares gives 90.14 at T=16 and 91.10 at T=24"
MISSED_ON_ALL = pytest.mark.xfail(IMAGES == ALL_IMAGES, strict=True, reason=WHY)


def evaluated(accuracy, shared, name, coding, source="data", limit=IMAGES, **options):
    network = accuracy.NETWORKS[name]
    snn = accuracy.convert(network, shared, accuracy.Trial(coding, source, options))
    found = accuracy.evaluate(network, shared, snn, limit=limit)
    ann, spiking = found.top1
    gains = f"energy gain {found.energy.gain():.2f}, formula {found.energy.formula_gain():.2f}"
    spikes = f"spikes per neuron {found.spikes_per_neuron:.3f}, most {found.max_spikes}"
    settings = f"T={coding.T}, Q={coding.Q}, scales from {source}{'' if coding.shift else ', no shift'}"
    print(f"\n{network.title}, {settings}: ANN {ann:.2f}, SNN {spiking:.2f} on {found.samples}; {spikes}; {gains}")
    return found


@pytest.mark.parametrize(
    ("coding", "source", "options", "most"),
    [
        pytest.param(ONE, "data", {"percentile": 99.99}, 0.88, id="T16-percentile"),
        pytest.param(TWO, "data", {"percentile": 99.99}, 0.28, id="T24-percentile"),
        pytest.param(snncc.Phase(T=16), "data", {"levels": "fitted"}, 0.88, id="T16-fitted"),
        pytest.param(snncc.Phase(T=24), "data", {"levels": "fitted"}, 0.28, id="T24-fitted"),
        pytest.param(ONE, "none", {}, 1.48, id="T16-no-data"),
        pytest.param(ONE, "data", {}, 0.88, marks=MISSED_ON_ALL, id="T16-powers"),
        pytest.param(TWO, "data", {}, 0.28, marks=MISSED_ON_ALL, id="T24-powers"),
    ],
)
def test_resnet20_accuracy(accuracy, shared, coding, source, options, most):
    """The ANN has 91.48 % on all images: at least 90.6 % at T=16 and 91.2 % at T=24 there, 90.0 % without data."""
    found = evaluated(accuracy, shared, "resnet20", coding, source, **options)
    assert found.samples == IMAGES
    assert found.drop <= most
    assert found.max_spikes == 1


@pytest.mark.parametrize(
    ("name", "T", "most"),
    [("resnet20", 16, 0.5), ("resnet20", 24, 0.1), ("resnet32_cifar100", 16, 0.8), ("resnet32_cifar100", 24, 0.4)],
)
def test_default_levels(accuracy, shared, name, T, most):
    """Fitted levels, and a second spike in some layers; at most these points are lost, of ResNet-20's on all images.

    The aim of T=16 is 0.25 on ResNet-20, which is not reached: 0.44 was measured.
    """
    found = evaluated(accuracy, shared, name, snncc.Phase(T=T), limit=ALL_IMAGES if name == "resnet20" else IMAGES)
    assert found.drop <= most
    assert found.max_spikes == 2
    assert found.spikes_per_neuron <= (0.62 if name == "resnet20" else 0.7)


def test_resnet20_needs_the_threshold_shift(accuracy, shared):
    """one_spike.txt, Fig. 7: flooring instead of rounding at T=16."""
    floored = snncc.Phase(T=16, Q=1.3, shift=False)
    found = evaluated(accuracy, shared, "resnet20", floored, scale="max", match=False)
    assert found.top1[1] < 60


# Strict, as MISSED is: on all images, with AVX2 alone, the bar is missed; elsewhere it holds.
CPUINFO = Path("/proc/cpuinfo")
AVX512 = CPUINFO.exists() and "avx512f" in CPUINFO.read_text(encoding="utf-8")
MISSED_ON_AVX2 = pytest.mark.xfail(
    IMAGES == ALL_IMAGES and not AVX512, strict=True, reason="1.04 points measured on a CPU with AVX2 alone"
)


@pytest.mark.parametrize(
    ("name", "most"),
    [pytest.param("resnet32", 1.0, marks=MISSED_ON_AVX2), ("resnet8", 1.0), ("mnist", 1.0), ("dscnn", 2.0)],
)
def test_loss_at_24_phases(accuracy, shared, name, most):
    found = evaluated(accuracy, shared, name, TWO)
    assert found.drop <= most
    assert found.max_spikes == 1


def test_loss_at_24_fitted_phases(accuracy, shared):
    """100 classes, where powers of the base lose almost 3 points."""
    assert evaluated(accuracy, shared, "resnet32_cifar100", snncc.Phase(T=24), levels="fitted").drop <= 1.0


def test_resnet20_gives_the_same_outputs_in_plain_onnxruntime(accuracy, shared, tmp_path):
    """Identical up to ORT_ENABLE_EXTENDED. The default level may fuse otherwise around a body than around a kernel, and
    sum convolutions in another order: there the answers that differ are counted."""
    network = accuracy.NETWORKS["resnet20"]
    path = tmp_path / "snn.onnx"
    onnx.save(accuracy.convert(network, shared, accuracy.Trial(ONE, "none")), path)
    images = images_of(network.samples(shared, "test"), 256)
    levels = ort.GraphOptimizationLevel
    for level in (levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_BASIC, levels.ORT_ENABLE_EXTENDED):
        plain, native = outputs(path, level, images)
        np.testing.assert_array_equal(plain, native, err_msg=str(level))
    plain, native = outputs(path, levels.ORT_ENABLE_ALL, images)
    different = int((plain != native).any(1).sum())
    answers = int((plain.argmax(1) != native.argmax(1)).sum())
    print(f"\ndefault level: the outputs of {different} and the answers of {answers} of {len(images)} samples differ")
    assert answers <= 0.02 * len(images)


def images_of(path, count):
    """As the `imagenet` preset has them."""
    with np.load(path) as file:
        pixels = file["images"][:count] / 255.0
    values = (pixels - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)


def outputs(path, level, images):
    found = []
    for native in (False, True):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        if native:
            session = create_session(path, device="cpu", options=options)
        else:
            session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        found.append(session.run(None, {session.get_inputs()[0].name: images})[0])
    return found

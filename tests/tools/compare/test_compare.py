# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import onnx
import pytest

import snncc
from snncc.errors import ModelError, OptionError, RuntimeLibraryError
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.runtime.devices import cuda_unavailable

CODINGS = {"phase": snncc.Phase(T=8, Q=1.5), "rate": snncc.Rate(T=4), "fs": snncc.FS(K=4)}


@pytest.fixture(scope="module")
def ann() -> onnx.ModelProto:
    return onnx.load_model_from_string(digits_network())


@pytest.fixture(scope="module")
def snns(ann) -> dict[str, onnx.ModelProto]:
    return {name: snncc.convert(ann, coding, input_range=(0, 1)) for name, coding in CODINGS.items()}


def test_figures_are_those_of_evaluate(ann, snns):
    data = load_digits()
    given = {"input": data.test_images[:50], "labels": data.test_labels[:50]}
    found = snncc.compare(snns, ann, given, runtimes=())
    assert [m.name for m in found.models] == list(CODINGS)
    for model, snn in zip(found.models, snns.values(), strict=True):
        alone = snncc.evaluate(snn, ann, given)
        assert (model.evaluation.top1, model.evaluation.agreement) == (alone.top1, alone.agreement)
        assert model.evaluation.layer_rows() == alone.layer_rows()
        assert model.evaluation.energy == alone.energy
        assert model.times == {}
    table = found.table("digits")
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert row["coding"] == "phase T=8 Q=1.5"
    assert row["spikes"] == f"{snncc.evaluate(snns['phase'], ann, given).spikes_per_neuron:.4f}"
    assert "time cpu" not in table.columns


def test_levels_that_are_no_powers_of_the_base_are_told(ann):
    images = load_digits().train_images[:32]
    fitted = snncc.convert(ann, snncc.Phase(T=8), calibration={"input": images}, levels="fitted")
    found = snncc.compare({"fitted": fitted}, ann, images[:4], runtimes=())
    assert found.models[0].coding == "phase T=8, own levels"


def test_a_stream_is_read_once(ann, snns):
    images = load_digits().test_images
    found = snncc.compare(snns, ann, (images[i : i + 10] for i in (0, 10)), runtimes=())
    assert [m.evaluation.samples for m in found.models] == [20] * len(snns)


def test_times_are_multiples_of_the_anns(ann, snns):
    """The clock says 1 s for the first run of a round, the ANN's, 2 s for the second and so on."""
    runs = 1 + 2 * len(snns)
    ticks = itertools.chain.from_iterable((0, 1 + i % runs) for i in itertools.count())
    found = snncc.compare(
        snns, ann, load_digits().test_images[:4], runtimes=("body", "cpu"), rounds=3, clock=lambda: float(next(ticks))
    )
    assert [m.times["body"] for m in found.models] == [2, 3, 4]
    assert [m.times["cpu"] for m in found.models] == [5, 6, 7]
    assert found.table("").columns[-2:] == ("time body", "time cpu")


@pytest.mark.gpu
@pytest.mark.skipif(cuda_unavailable() is not None, reason="needs a CUDA device")
def test_cuda_is_timed_beside_the_ann_on_cuda(ann, snns):
    found = snncc.compare(snns, ann, load_digits().test_images[:4], runtimes=("cpu", "cuda"), rounds=2)
    assert all(m.times["cpu"] > 0 and m.times["cuda"] > 0 for m in found.models)


@pytest.mark.skipif(cuda_unavailable() is None, reason="needs a machine without CUDA")
def test_cuda_is_refused_where_there_is_none(ann, snns):
    with pytest.raises(RuntimeLibraryError, match="CUDA does not work here"):
        snncc.compare(snns, ann, load_digits().test_images[:4], runtimes=("cuda",))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"runtimes": ("tpu",)}, "must be one of body, cpu, cuda"), ({"rounds": 0}, "rounds is 0")],
)
def test_options_out_of_range_are_refused(ann, snns, options, message):
    with pytest.raises(OptionError, match=message):
        snncc.compare(snns, ann, load_digits().test_images[:4], **options)


def test_nothing_to_compare_is_refused(ann):
    with pytest.raises(OptionError, match="nothing to compare"):
        snncc.compare([], ann, load_digits().test_images[:4])


def test_what_is_not_its_ann_is_refused(ann, snns):
    with pytest.raises(ModelError, match="already converted"):
        snncc.compare(snns, snns["fs"], load_digits().test_images[:4])


def test_files_of_one_name_are_told_apart(ann, snns, tmp_path):
    paths = [tmp_path / "a" / "snn.onnx", tmp_path / "b" / "snn.onnx", tmp_path / "c.onnx"]
    for path, snn in zip(paths, snns.values(), strict=True):
        path.parent.mkdir(exist_ok=True)
        onnx.save(snn, path)
    found = snncc.compare(paths, ann, load_digits().test_images[:4], runtimes=())
    assert [m.name for m in found.models] == [str(paths[0]), str(paths[1]), "c"]

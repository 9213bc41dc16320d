# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from onnx import parser
from PIL import Image

from snncc.errors import CalibrationError, DataError
from snncc.io.batches import InputSpec, batches, count_of, labels_of, specs_of
from snncc.io.digests import Digest
from snncc.io.preprocess import Preprocess
from snncc.io.sample_sources import Part

F32 = np.dtype(np.float32)
RGB = [InputSpec("x", ("N", 3, 8, 6), F32)]
GREY = [InputSpec("x", ("N", 1, 8, 6), F32)]
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (10, 8, 6, 3), dtype=np.uint8)
FLOATS = RNG.normal(size=(10, 3, 8, 6)).astype(np.float32)


def collect(source, specs=RGB, **options):
    return {s.name: np.concatenate([b[s.name] for b in batches(source, specs, **options)]) for s in specs}


def test_specs_leave_weights_out_and_keep_open_axes():
    text = '<ir_version: 3, opset_import: ["": 13]> g (float[N,4] x, float[4] w) => (float[N,4] y) {y = Add(x, w)}'
    model = parser.parse_model(text)
    model.graph.initializer.add(name="w", data_type=1, dims=[4], float_data=[0, 1, 2, 3])
    assert specs_of(model) == [InputSpec("x", ("N", 4), F32)]


@pytest.mark.parametrize("size", [1, 3, 10, 64])
def test_batches_are_full_but_for_the_last(size):
    parts = [len(b["x"]) for b in batches(FLOATS, RGB, batch_size=size)]
    assert parts == [min(size, 10 - i) for i in range(0, 10, size)]
    np.testing.assert_array_equal(collect(FLOATS, batch_size=size)["x"], FLOATS)


@pytest.mark.parametrize(
    "source",
    [
        lambda: {"x": FLOATS, "labels": np.arange(10)},
        lambda: {"input": FLOATS},
        lambda: (FLOATS[i : i + 3] for i in range(0, 10, 3)),
        lambda: iter([{"images": f} for f in FLOATS]),
        lambda: list(FLOATS),
        lambda: FLOATS.astype(np.float64),
    ],
    ids=["own name", "input", "batches", "dict samples", "list of samples", "double"],
)
def test_sources_give_the_same_samples(source):
    np.testing.assert_array_equal(collect(source(), batch_size=4)["x"], FLOATS)


def test_one_shot_generator_is_streamed():
    alive = 0

    def endless():
        nonlocal alive
        while True:
            alive += 1
            yield FLOATS[:2]

    stream = batches(endless(), RGB, batch_size=4)
    next(stream)
    next(stream)
    assert alive == 4


def test_images_are_laid_out_as_the_model_wants():
    expected = np.moveaxis(IMAGES, -1, 1).astype(np.float32)
    np.testing.assert_array_equal(collect(IMAGES)["x"], expected)
    np.testing.assert_array_equal(collect(np.moveaxis(IMAGES, -1, 1))["x"], expected)
    last = [InputSpec("x", ("N", 8, 6, 3), F32)]
    np.testing.assert_array_equal(collect(IMAGES, last)["x"], IMAGES.astype(np.float32))


@pytest.mark.parametrize("shape", [("N", 1, 8, 6), ("N", 8, 6, 1), ("N", 48), (1, 48, 1)])
def test_grey_images_fit_any_shape_of_as_many_elements(shape):
    grey = IMAGES[..., 0]
    got = collect(grey, [InputSpec("x", shape, F32)])["x"]
    np.testing.assert_array_equal(got.reshape(10, 8, 6), grey)


def test_inputs_of_integers_are_not_preprocessed():
    tokens = np.arange(6, dtype=np.int32).reshape(2, 3)
    spec = [InputSpec("ids", ("N", 3), np.dtype(np.int64))]
    got = collect(tokens, spec)["ids"]
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, tokens)


def test_two_inputs():
    specs = [InputSpec("a", ("N", 2), F32), InputSpec("b", ("N", 3), F32)]
    data = {"a": np.ones((5, 2), np.float32), "b": np.zeros((5, 3), np.float32)}
    assert [len(b["b"]) for b in batches(data, specs, batch_size=2)] == [2, 2, 1]
    with pytest.raises(DataError, match="differ in their number of samples"):
        collect({"a": data["a"], "b": data["b"][:4]}, specs)
    with pytest.raises(DataError, match="one array, but the model has the inputs 'a', 'b'"):
        collect(data["a"], specs)


def test_first_axes_that_are_not_all_samples_are_named():
    specs = [InputSpec(name, (axis, 4), np.dtype(np.float32)) for name, axis in (("atoms", "A"), ("edges", "E"))]
    data = {"atoms": np.zeros((3, 4), np.float32), "edges": np.zeros((5, 4), np.float32)}
    with pytest.raises(DataError, match=r"not all samples is not converted \('atoms' A, 'edges' E\)"):
        list(batches(data, specs))


def test_fixed_batch_rules():
    spec = [InputSpec("x", (2, 3, 8, 6), F32)]
    assert [len(b["x"]) for b in batches(FLOATS, spec)] == [2] * 5
    with pytest.raises(DataError, match="exactly 2 samples, and 1 of 9"):
        collect(FLOATS[:9], spec)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            np.zeros((2, 8, 6, 3), np.float32),
            r"float32 \[2, 8, 6, 3\], which does not fit .*'x' float32 \[N, 3, 8, 6\]",
        ),
        (np.zeros((2, 8, 6, 3), np.float32), r"Transpose it\. Images may also be uint8"),
        (np.zeros((2, 9, 6, 3), np.uint8), r"does not fit .* Give samples of the model's shape\."),
        (np.zeros((0, 3, 8, 6), np.float32), "no samples"),
        (np.full((1, 3, 8, 6), np.nan, np.float32), "144 NaN or infinite"),
        (np.array(["a"]), "<U1"),
        (np.zeros((1, 3, 8, 6), complex), "complex128"),
        ({"pixels": FLOATS}, "no array 'x' or 'input' or 'images' .* holds 'pixels'. Rename the inputs to 'x'"),
        ([], "no samples"),
        ([[[1.0, 2.0], [3.0]]], "item 0 of the data is no array .* equal length"),
        ({"x": [[1.0, 2.0], [3.0]]}, "the data is no array"),
    ],
)
def test_bad_data_is_refused(data, message):
    with pytest.raises(CalibrationError, match=message):
        collect(data, error=CalibrationError)


def test_floats_for_an_integer_input_are_refused():
    with pytest.raises(DataError, match="float32"):
        collect(np.zeros((2, 3), np.float32), [InputSpec("ids", ("N", 3), np.dtype(np.int64))])


def test_files(tmp_path):
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=np.arange(10))
    np.save(tmp_path / "d.npy", FLOATS)
    np.testing.assert_array_equal(collect(tmp_path / "d.npz")["x"], np.moveaxis(IMAGES, -1, 1))
    np.testing.assert_array_equal(collect(str(tmp_path / "d.npy"))["x"], FLOATS)
    assert (
        count_of(tmp_path / "d.npz")
        == count_of(tmp_path / "d.npy")
        == count_of(FLOATS)
        == count_of({"x": FLOATS})
        == 10
    )
    assert count_of(iter([FLOATS])) is None
    np.testing.assert_array_equal(labels_of(tmp_path / "d.npz"), np.arange(10))
    assert labels_of(tmp_path / "d.npy") is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"PK\x03\x04 cut", "a.npz: cannot be read"),
        ("a.npy", b"\x93NUMPY", "a.npy: cannot be read"),
        ("a.txt", b"", "of a kind that is not read"),
        ("b.npz", b"garbage", r"b\.npz: cannot be read: it is no \.npz file of plain numbers"),
        ("none.npz", None, "none.npz: is not there"),
        ("none.npy", None, "none.npy: is not there"),
        ("none", None, "is not there"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        collect(tmp_path / name)
    assert count_of(tmp_path / name) is None


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "p.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match="plain numbers") as caught:
        collect(tmp_path / "p.npy")
    assert "allow_pickle" not in str(caught.value)


def test_garbage_with_labels_is_refused_in_our_words(tmp_path):
    (tmp_path / "g.npz").write_bytes(b"garbage")
    with pytest.raises(DataError, match=r"no \.npz file of plain numbers"):
        labels_of(tmp_path / "g.npz")


def test_a_name_is_not_listed_twice():
    with pytest.raises(DataError, match="has no array 'input' or 'images' for"):
        collect({"pixels": FLOATS}, [InputSpec("input", ("N", 3, 8, 6), F32)])


def test_raw_pixels_are_warned_of_once(caplog):
    collect(IMAGES, batch_size=2)
    assert [r.getMessage()[:26] for r in caplog.records] == ["uint8 data is taken raw, 0"]
    caplog.clear()
    collect(IMAGES, preprocess=Preprocess.parse("raw"))
    collect(FLOATS)
    assert caplog.records == []


def test_folder_of_images(tmp_path):
    for i in (1, 0):
        Image.fromarray(IMAGES[i]).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    assert count_of(tmp_path) == 2
    np.testing.assert_array_equal(collect(tmp_path)["x"], np.moveaxis(IMAGES[:2], -1, 1))
    big = [InputSpec("x", ("N", 1, 16, 12), F32)]
    assert collect(tmp_path, big)["x"].shape == (2, 1, 16, 12)
    with pytest.raises(DataError, match="the model's input is no image"):
        collect(tmp_path, [InputSpec("x", ("N", 5), F32)])
    (tmp_path / "2.png").write_bytes(b"no")
    with pytest.raises(DataError, match=r"2\.png: cannot be read as an image"):
        collect(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        collect(tmp_path / "empty")


@pytest.mark.parametrize("labels", [1, [[0.5]], [0.5], [-1], ["cat"]])
def test_bad_labels(labels):
    with pytest.raises(DataError, match=r"one class number|is no class number"):
        labels_of({"labels": labels})


def test_digest_ignores_how_samples_are_cut():
    digests = set()
    for size in (1, 3, 64):
        digest = Digest()
        for batch in batches(FLOATS, RGB, batch_size=size):
            digest.update(batch)
        digests.add(digest.hexdigest())
        assert digest.samples == 10
    assert len(digests) == 1
    other = Digest()
    other.update({"x": FLOATS[:9]})
    assert other.hexdigest() not in digests


def test_samples_of_different_sizes_are_refused():
    open_size = InputSpec("x", ("N", 3, "H", "W"), np.dtype(np.float32))
    odd = [np.zeros((2, 3, 4, 4), np.float32), np.zeros((1, 3, 5, 4), np.float32)]
    with pytest.raises(DataError, match=r"differ in size: 'x' has \[3, 4, 4\] and \[3, 5, 4\]"):
        list(batches(odd, [open_size], batch_size=8))


@pytest.mark.parametrize("kind", ["npy", "npz", "folder"])
def test_part_of_a_file_or_folder(tmp_path, kind):
    path = tmp_path / f"data.{kind}"
    if kind == "npy":
        np.save(path, IMAGES)
    elif kind == "npz":
        np.savez(path, input=IMAGES, labels=np.arange(10))
    else:
        path.mkdir()
        for i in range(10):
            Image.fromarray(IMAGES[i]).save(path / f"{i}.png")
    whole = collect(path)["x"]
    for start, stop in ((0, 4), (4, 8), (8, 12)):
        part = Part(path, start, stop)
        np.testing.assert_array_equal(collect(part)["x"], whole[start:stop])
        assert count_of(part) == len(whole[start:stop])
        labels = labels_of(part)
        assert (None if labels is None else labels.tolist()) == (list(range(10))[start:stop] if kind == "npz" else None)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from snncc.errors import OptionError
from snncc.tools.paper_tables import Subject, read_subjects


def test_from_text():
    assert Subject.parse("A net = a.onnx, c.npz,t.npz") == Subject(
        "A net", Path("a.onnx"), Path("c.npz"), Path("t.npz")
    )


@pytest.mark.parametrize("text", ["a.onnx", "x=a.onnx,c.npz", "=a,b,c", "x=a,,c", "x=a,b,c,d"])
def test_other_text_is_refused(text):
    with pytest.raises(OptionError, match="is no NAME=MODEL,CALIB,TEST"):
        Subject.parse(text)


def test_from_a_file(tmp_path):
    path = tmp_path / "networks.toml"
    path.write_text(
        '["ResNet-20"]\nmodel = "a.onnx"\ncalib = "data/c.npz"\ntest = "/t.npz"\npreprocess = "unit"\n'
        '[b]\nmodel = "b"\ncalib = "c"\ntest = "t"\npreset = "vgg16"\n'
    )
    first, second = read_subjects(path)
    assert first == Subject("ResNet-20", tmp_path / "a.onnx", tmp_path / "data" / "c.npz", Path("/t.npz"), "unit")
    assert (second.name, second.preprocess, second.preset) == ("b", None, "vgg16")


@pytest.mark.parametrize(
    ("name", "model", "preset", "expected"),
    [
        ("VGG-16, CIFAR-10", "a.onnx", None, "vgg16"),
        ("ResNet 34", "vgg16.onnx", "resnet20", "resnet20"),
        ("mine", "resnet34_imagenet.onnx", None, "resnet34"),
        ("resnet20", "a.onnx", None, "resnet20"),
        ("SqueezeNet", "a.onnx", None, "resnet20"),
    ],
)
def test_parameters_of_msat_follow_the_network(name, model, preset, expected):
    assert Subject(name, Path(model), Path(), Path(), preset=preset).msat_preset == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "no TOML file"),
        ('[a]\nmodel = "m"\ncalib = "c"', "must have model, calib and test"),
        ('[a]\nmodel = "m"\ncalib = "c"\ntest = "t"\nmore = "x"', "must have"),
        ('[a]\nmodel = "m"\ncalib = "c"\ntest = 3', "all as text"),
        (
            '[a]\nmodel = "m"\ncalib = "c"\ntest = "t"\npreset = "vgg"',
            "preset 'vgg', but it must be one of vgg16, resnet20",
        ),
        ("a = 3", "must have"),
        ("", "names no network"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, message):
    path = tmp_path / "networks.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=message):
        read_subjects(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OptionError, match="cannot be read"):
        read_subjects(tmp_path / "none.toml")

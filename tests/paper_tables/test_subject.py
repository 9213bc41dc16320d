# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from snncc.errors import OptionError
from snncc.paper_tables import Subject, read_subjects


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
        '[b]\nmodel = "b"\ncalib = "c"\ntest = "t"\n'
    )
    first, second = read_subjects(path)
    assert first == Subject("ResNet-20", tmp_path / "a.onnx", tmp_path / "data" / "c.npz", Path("/t.npz"), "unit")
    assert (second.name, second.preprocess) == ("b", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "no TOML file"),
        ('[a]\nmodel = "m"\ncalib = "c"', "must have model, calib and test"),
        ('[a]\nmodel = "m"\ncalib = "c"\ntest = "t"\nmore = "x"', "must have"),
        ('[a]\nmodel = "m"\ncalib = "c"\ntest = 3', "all as text"),
        ("a = 3", "must have"),
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

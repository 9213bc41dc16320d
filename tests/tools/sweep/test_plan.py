# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

import numpy as np
import pytest

from snncc.errors import DataError, ModelError, OptionError
from snncc.tools.sweep import read_plan

MODEL = '[[model]]\npath = "digits_cnn.onnx"\ndata = "test.npz"\n'
FS = '[[coding]]\nname = "fs"\nK = 4\n'


@pytest.fixture
def grid(digits, tmp_path):
    def written(text):
        for name in ("digits_cnn.onnx", "test.npz", "train.npz"):
            shutil.copy(digits / name, tmp_path)
        path = tmp_path / "grid.toml"
        path.write_text(text)
        return path

    return written


def test_lists_span_the_grid(grid):
    coding = '[[coding]]\nname = "phase"\nT = [8, 16]\nQ = [1.2, "auto"]\n[convert]\nweights = ["float", "int8"]\n'
    plan = read_plan(grid(f"[sweep]\nshard = 30\nbatch = 10\n{MODEL}{FS}{coding}"))
    assert [c.title() for c in plan.configurations.values()][:4] == [
        "digits_cnn fs K=4 weights=float",
        "digits_cnn fs K=4 weights=int8",
        "digits_cnn phase T=8 Q=1.2 weights=float",
        "digits_cnn phase T=8 Q=1.2 weights=int8",
    ]
    assert len(plan.configurations) == 10
    assert len(plan) == 40
    shards = next(iter(plan.shards.values()))
    assert [(s.start, s.stop) for s in shards] == [(0, 30), (30, 60), (60, 90), (90, 100)]


def test_ids_follow_contents_not_names(grid, tmp_path):
    path = grid(MODEL + FS)
    (before,) = read_plan(path).configurations
    shutil.move(tmp_path / "test.npz", tmp_path / "other.npz")
    path.write_text(MODEL.replace("test.npz", "other.npz") + 'name = "x"\n' + FS)
    assert list(read_plan(path).configurations) == [before]
    with np.load(tmp_path / "other.npz") as arrays:
        np.savez(tmp_path / "other.npz", input=arrays["input"], labels=(arrays["labels"] + 1) % 10)
    assert list(read_plan(path).configurations) != [before]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[[model", "TOML"),
        (MODEL, "[[coding]]"),
        (FS, "[[model]]"),
        (MODEL + FS + "[swep]\n", "'swep'"),
        (MODEL + FS + "[sweep]\nshards = 3\n", "'shards'"),
        (MODEL + FS + "[sweep]\nshard = 0\n", "shard"),
        (MODEL + FS + "[sweep]\nshard = 7\nbatch = 2\n", "multiple of batch"),
        (MODEL + FS + "[sweep]\nbatch = true\n", "batch"),
        (MODEL + 'labels = "a"\n' + FS, "'labels'"),
        ('[[model]]\npath = "digits_cnn.onnx"\n' + FS, "'data'"),
        (MODEL + "input_range = 3\n" + FS, "input_range"),
        (MODEL + 'input_range = [0, 1]\ncalib = "train.npz"\n' + FS, "input_range"),
        (MODEL + '[[coding]]\nname = "fast"\n', "'fast'"),
        (MODEL + FS + "Q = 1.2\n", "'Q'"),
        (MODEL + FS + "alpha = []\n", "alpha"),
        (MODEL + FS + "alpha = [[1]]\n", "alpha"),
        (MODEL + FS + "alpha = nan\n", "alpha"),
        (MODEL + "input_range = [0, inf]\n" + FS, "input_range"),
        (MODEL + FS + '[convert]\npercentile = "high"\n', "percentile"),
        (MODEL + FS + "[convert]\nmatch = 1\n", "match"),
        (MODEL + FS + "[convert]\nT = 1\n", "'T'"),
        ("coding = 3\n" + MODEL, "[[coding]]"),
        ("sweep = 3\n" + MODEL + FS, "[sweep]"),
        ('[[model]]\npath = "digits_cnn.onnx"\ndata = "none.npz"\n' + FS, "none.npz"),
    ],
)
def test_errors_name_file_and_key(grid, text, key):
    path = grid(text)
    with pytest.raises((OptionError, DataError)) as caught:
        read_plan(path)
    assert key in str(caught.value)
    assert "none.npz" in key or str(path) in str(caught.value)


def test_missing_grid_and_model(grid, tmp_path):
    with pytest.raises(OptionError, match=r"none\.toml"):
        read_plan(tmp_path / "none.toml")
    with pytest.raises(ModelError, match=r"none\.onnx"):
        read_plan(grid(MODEL.replace("digits_cnn.onnx", "none.onnx") + FS))


def test_labels_that_run_out(grid, tmp_path):
    path = grid(MODEL + FS)
    with np.load(tmp_path / "test.npz") as arrays:
        np.savez(tmp_path / "test.npz", input=arrays["input"], labels=arrays["labels"][:60])
    with pytest.raises(OptionError, match="60 labels for 100 samples"):
        read_plan(path)
    path.write_text(MODEL + "limit = 60\n" + FS)
    assert len(read_plan(path)) == 1

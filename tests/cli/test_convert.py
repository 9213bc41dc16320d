# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import pytest

SUCCESS, ERROR, USAGE = 0, 1, 2


def test_prints_ops_before_and_after_and_compares_outputs(snncc, digits, tmp_path):
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "snn.onnx", "--calib", digits / "train.npz")
    assert result.exit_code == SUCCESS
    nodes, became = result.stdout.split("Conversion summary")
    rows = {line.split()[0]: line.split()[1:] for line in nodes.splitlines() if line.strip()}
    lines = [" ".join(line.split()) for line in became.splitlines()]
    assert "3 Relu 3 OneSpikeNeuron" in lines
    assert "1 Relu 1 ResidualOneSpikeNeuron" in lines
    assert "4 BatchNormalization folded into weights" in lines
    assert "8 scales of neurons absorbed by weights" in lines
    assert rows["Relu"] == ["4"]
    assert rows["Conv"] == ["4", "4"]
    assert "same answer in" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "ai.snncc" in {n.domain for n in onnx.load(tmp_path / "snn.onnx").graph.node}


def test_json_holds_the_same(snncc, digits, tmp_path):
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "--calib", digits / "train.npz", "--json")
    found = json.loads(result.stdout)
    assert found["ops"]["before"]["Relu"] == 4
    assert "Relu" not in found["ops"]["after"]
    assert found["outcome"]["synapses"] == {"Conv": 4, "Gemm": 1}
    assert found["comparison"]["samples"] == 32
    assert found["comparison"]["agreement"] > 0.9


def test_without_data_says_where_the_scales_come_from(snncc, digits, tmp_path):
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "snn.onnx")
    assert result.exit_code == SUCCESS
    assert "no calibration data" in result.stderr
    assert "noise" in result.stdout


def test_options_reach_the_coding(snncc, digits, tmp_path):
    options = ["--T", 16, "--Q", 1.3, "--no-shift", "--spikes", 2, "--input", "one", "--normalize", "layer"]
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", *options, "--calib", digits / "train.npz")
    assert result.exit_code == SUCCESS
    props = {p.key: p.value for p in onnx.load(tmp_path / "s.onnx").metadata_props}
    coding = json.loads(props["snncc.coding"])
    expected = {"name": "phase", "T": 16, "Q": 1.3, "shift": False, "spikes": 2, "input": "one"}
    assert {k: coding[k] for k in expected} == expected
    assert json.loads(props["snncc.calibration"])["normalize"] == "layer"


def test_calibration_options_reach_the_metadata(snncc, digits, tmp_path):
    options = ["--calib", digits / "train.npz", "--percentile", 99.9, "--no-match"]
    assert snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", *options).exit_code == SUCCESS
    props = {p.key: p.value for p in onnx.load(tmp_path / "s.onnx").metadata_props}
    calibration = json.loads(props["snncc.calibration"])
    assert calibration["percentile"] == 99.9
    assert not calibration["match_potentials"]
    default = {p.key: p.value for p in onnx.load(digits / "snn.onnx").metadata_props}
    assert json.loads(default["snncc.calibration"])["match_potentials"]


def test_same_input_and_options_give_the_same_bytes(snncc, digits, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        snncc("convert", digits / "ann.onnx", "-o", tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_dump_dir_holds_the_graph_after_each_pass(snncc, digits, tmp_path):
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "--dump-dir", tmp_path / "dump")
    assert result.exit_code == SUCCESS
    dumps = sorted((tmp_path / "dump").iterdir())
    assert [int(d.name[:2]) for d in dumps] == list(range(1, len(dumps) + 1))
    folded = next(d for d in dumps if d.name.endswith("-fold-batchnorm.txt"))
    assert "BatchNormalization" not in folded.read_text()


def test_verbose_logs_each_pass_on_stderr(snncc, digits, tmp_path):
    quiet = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx")
    verbose = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "-v")
    assert "FoldBatchNorm" in verbose.stderr
    assert "FoldBatchNorm" not in quiet.stderr
    assert verbose.stdout == quiet.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--T", 0], "Error: T is 0"),
        (["--Q", 1.0], "Error: Q is 1.0"),
        (["--Q", 2.5], "Error: Q is 2.5"),
        (["--spikes", 25], "Error: spikes is 25"),
        (["--percentile", 0], "Error: percentile is 0"),
        (["--input-range", 1, 0], "Error: input range"),
        (["--calib", "nowhere.npz"], "Error: nowhere.npz"),
        (["--preprocess", "half"], "Error: --preprocess: 'half' is unknown"),
    ],
)
def test_options_out_of_range_end_in_one_message(snncc, digits, tmp_path, options, message):
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "snn.onnx", *options)
    assert result.exit_code == (ERROR if "--calib" in options else USAGE)
    assert message in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"GIF89a, not a network", "not an ONNX model, or a truncated one"),
        (b"", "holds no network"),
        ("truncated", "not an ONNX model, or a truncated one"),
    ],
)
def test_files_that_are_no_model_are_refused(snncc, digits, tmp_path, content, message):
    path = tmp_path / "model.onnx"
    if content == "truncated":
        content = (digits / "ann.onnx").read_bytes()[:-1000]
    if content is not None:
        path.write_bytes(content)
    result = snncc("convert", path, "-o", tmp_path / "snn.onnx")
    assert result.exit_code == ERROR
    assert result.stderr.startswith(f"Error: {path}: ")
    assert message in result.stderr
    assert not (tmp_path / "snn.onnx").exists()


def test_a_converted_model_is_refused(snncc, digits, tmp_path):
    result = snncc("convert", digits / "snn.onnx", "-o", tmp_path / "again.onnx")
    assert result.exit_code == ERROR
    assert result.stderr.startswith(f"Error: {digits / 'snn.onnx'} is already converted; ")


def test_calibration_data_and_a_range_exclude_each_other(snncc, digits, tmp_path):
    options = ["--calib", digits / "train.npz", "--input-range", 0, 1]
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "snn.onnx", *options)
    assert result.exit_code == USAGE
    assert "Error: --input-range" in result.stderr
    assert "give one of them" in result.stderr


def test_missing_folder_and_folder_as_output_are_refused(snncc, digits, tmp_path):
    missing = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "nowhere" / "snn.onnx")
    assert (missing.exit_code, "is not there" in missing.stderr) == (ERROR, True)
    folder = snncc("convert", digits / "ann.onnx", "-o", tmp_path)
    assert (folder.exit_code, "is a folder" in folder.stderr) == (ERROR, True)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_unwritable_folder_is_refused(snncc, digits, tmp_path):
    tmp_path.chmod(0o500)
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "snn.onnx")
    assert (result.exit_code, "not writable" in result.stderr) == (ERROR, True)


def test_usage_errors_exit_with_2(snncc, digits):
    assert snncc("convert", digits / "ann.onnx").exit_code == USAGE
    assert snncc("convert", digits / "ann.onnx", "-o", "x", "--T", "many").exit_code == USAGE
    assert snncc("convert", digits / "ann.onnx", "-o", "x", "--coding", "morse").exit_code == USAGE


@pytest.mark.parametrize(("flags", "neurons"), [([], 2), (["--spike-linear"], 2), (["--no-spike-linear"], 1)])
def test_spikes_at_bottlenecks_are_the_default(snncc, tmp_path, flags, neurons):
    """Of two matrix products with nothing in between, the second takes half of the operations and more."""
    weights = {"A": (4, 4), "B": (4, 16), "C": (16, 2)}
    text = "g (float[N, 4] x) => (float[N, 2] y) { a = MatMul (x, A) b = MatMul (a, B) r = Relu (b) y = MatMul (r, C) }"
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]> {text}')
    rng = np.random.default_rng(0)
    for name, shape in weights.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(rng.normal(0, 1, shape).astype(np.float32), name))
    onnx.save(model, tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", rng.normal(0, 1, (32, 4)).astype(np.float32))
    given = ("--calib", tmp_path / "x.npy", "-o", tmp_path / "s.onnx", *flags)
    assert snncc("convert", tmp_path / "m.onnx", *given).exit_code == 0
    entries = json.loads({p.key: p.value for p in onnx.load(tmp_path / "s.onnx").metadata_props}["snncc.neurons"])
    assert sum(entry["replaces"] is not None for entry in entries.values()) == neurons


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--T", 1, "--Q", 1.2], ["without --Q", "--T above 1", "`snncc tune`", "--coding differential"]),
        (["--T", 1, "--levels", "powers"], ["--T above 1", "`snncc tune`"]),
        (["--coding", "fs", "--K", 1], ["--K above 1", "--coding differential"]),
        (["--coding", "rate", "--T", 1], ["--T above 1"]),
        (["--T", 16], []),
    ],
    ids=str,
)
def test_warns_if_answers_differ(snncc, digits, tmp_path, options, advice):
    made = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "--calib", digits / "train.npz", *options)
    assert made.exit_code == SUCCESS
    assert ("differ clearly" in made.stderr) == bool(advice)
    assert all(way in " ".join(made.stderr.split()) for way in advice)


@pytest.mark.parametrize(("ending", "classes"), [("y = Identity (b)", False), ("y = GlobalAveragePool (b)", True)])
def test_same_answers_are_told_of_classes_only(snncc, tmp_path, ending, classes):
    """Scores at each of 16 places are no answer of the sample."""
    size = 1 if classes else 4
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 17]> g (float[N, 3, 4, 4] x) => (float[N, 5, {size}, {size}] y)\n'
        f"{{ a = Relu (x) b = Conv (a, w) {ending} }}"
    )
    rng = np.random.default_rng(0)
    model.graph.initializer.append(onnx.numpy_helper.from_array(rng.normal(size=(5, 3, 1, 1)).astype(np.float32), "w"))
    onnx.save(model, tmp_path / "a.onnx")
    np.save(tmp_path / "x.npy", rng.normal(size=(32, 3, 4, 4)).astype(np.float32))
    files = (tmp_path / "a.onnx", "-o", tmp_path / "s.onnx", "--calib", tmp_path / "x.npy")
    made = snncc("convert", *files)
    assert ("same answer" in " ".join(made.stdout.split())) == classes
    assert "mean difference" in " ".join(made.stdout.split())
    found = snncc("evaluate", tmp_path / "s.onnx", "--ann", tmp_path / "a.onnx", "--data", tmp_path / "x.npy")
    assert ("same answer" in found.stdout) == classes
    assert ("mean difference of outputs" in found.stdout) != classes

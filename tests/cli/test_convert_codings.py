# SPDX-License-Identifier: Apache-2.0
"""Options of codings: each reaches its coding, and is rejected for other codings."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from snncc.cli.coding_options import OPTIONS
from snncc.coding import CODINGS

SUCCESS, ERROR, USAGE = 0, 1, 2

GIVEN = {
    "phase": (
        ["--T", 12, "--Q", 1.4, "--wait", 9, "--no-shift", "--input", "one"],
        {"T": 12, "Q": 1.4, "wait": 9, "shift": False, "input": "one", "spikes": 1},
    ),
    "fs": (
        ["--K", 6, "--alpha", 25, "--no-shift", "--input", "binary"],
        {"K": 6, "alpha": 25.0, "shift": False, "input": "binary"},
    ),
    "differential": (["--T", 4, "--n", 6], {"T": 4, "n": 6}),
    "rate": (["--T", 8, "--shift", "bias", "--signed"], {"T": 8, "shift": "bias", "signed": True, "wait": None}),
    "msat": (
        [
            *("--T", 6, "--preset", "vgg16", "--alpha", 0.5, "--k-a", 2, "--C", 4, "--tau-mp", 0.7, "--V-T", -0.5),
            *("--confidence", 0.9, "--early", 3, "--confidence-layers", "all", "--seed", 7),
        ],
        {"T": 6, "preset": "vgg16", "alpha": 0.5, "k_a": 2.0, "k_i": 1.0, "C": 4.0, "tau_mp": 0.7, "tau_rd": 1.0}
        | {"V_T": -0.5, "confidence": 0.9, "early": 3, "confidence_layers": "all", "seed": 7},
    ),
}


def coding_of(path):
    return json.loads(next(p.value for p in onnx.load(path).metadata_props if p.key == "snncc.coding"))


@pytest.mark.parametrize("name", CODINGS)
def test_options_reach_the_coding(snncc, digits, tmp_path, name):
    options, expected = GIVEN[name]
    arguments = ["--coding", name, *options, "--calib", digits / "train.npz"]
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", *arguments)
    assert result.exit_code == SUCCESS, result.output
    found = coding_of(tmp_path / "s.onnx")
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("name", CODINGS)
def test_defaults_are_the_codings_own(snncc, digits, tmp_path, name):
    assert snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "--coding", name).exit_code == SUCCESS
    assert coding_of(tmp_path / "s.onnx") == json.loads(json.dumps(CODINGS[name]().parameters()))


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--T", 5, "--no-shift"], {"shift": "none"}), (["--T", 5, "--wait", 5], {"wait": 5})],
)
def test_rate_without_shift_or_with_wait(snncc, digits, tmp_path, options, expected):
    arguments = ["--coding", "rate", *options, "--calib", digits / "train.npz"]
    assert snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", *arguments).exit_code == SUCCESS
    assert coding_of(tmp_path / "s.onnx").items() >= expected.items()


@pytest.mark.parametrize("name", ["rate", "msat"])
def test_anytime_gives_every_step(snncc, digits, tmp_path, name):
    arguments = ["--coding", name, "--T", 6, "--calib", digits / "train.npz"]
    for file, options in (("last.onnx", []), ("all.onnx", ["--anytime"])):
        result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / file, *arguments, *options)
        assert result.exit_code == SUCCESS, result.output
    images = np.load(digits / "test.npz")["input"][:4]
    last, every = (
        ort.InferenceSession(tmp_path / f, providers=["CPUExecutionProvider"]).run(None, {"input": images})[0]
        for f in ("last.onnx", "all.onnx")
    )
    assert every.shape == (6, 4, 10)
    np.testing.assert_allclose(every[-1], last, rtol=1e-4, atol=1e-4)


def value_for(option):
    if option.kind is None:
        return []
    choices = getattr(option.kind, "choices", None)
    return [choices[0] if choices else 1]


FOREIGN = [(o, name) for o in OPTIONS for name in CODINGS if name not in o.helps]


@pytest.mark.parametrize(("option", "name"), FOREIGN, ids=lambda x: getattr(x, "flag", x))
def test_options_of_other_codings_are_usage_errors(snncc, digits, tmp_path, option, name):
    arguments = ["--coding", name, option.flag, *value_for(option)]
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", *arguments)
    assert result.exit_code == USAGE
    owners = " or ".join(option.helps)
    assert f"Error: {option.flag} belongs to --coding {owners}, not to {name}." in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--coding", "rate", "--shift", "bias", "--no-shift"], USAGE, "--shift and --no-shift"),
        (["--coding", "msat", "--confidence", "high"], USAGE, "'high' is neither a number nor 'auto'"),
        (["--coding", "msat", "--early", "1.5"], USAGE, "'1.5' is neither a number nor 'auto'"),
        (["--coding", "msat", "--confidence", 2], USAGE, "Error: confidence is 2.0"),
        (["--coding", "msat", "--early", 8], USAGE, "Error: --early says nothing without --confidence."),
        (["--coding", "msat", "--seed", 1], USAGE, "Error: --seed says nothing without --confidence."),
        (["--coding", "msat", "--C", 0], USAGE, "Error: C is 0.0"),
        (["--coding", "rate", "--wait", 3], USAGE, "Error: wait is 3"),
        (["--coding", "fs", "--input", "one"], USAGE, "Error: input is 'one'"),
        (["--coding", "fs", "--K", 0], USAGE, "Error: K is 0"),
        (["--wait", 25], USAGE, "Error: wait is 25"),
    ],
)
def test_values_out_of_range(snncc, digits, tmp_path, options, code, message):
    result = snncc("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", *options)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_options_by_coding(snncc):
    text = snncc("convert", "--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    sections = re.split(r"\n\n.*\(--coding (\w+)\):\n", text)
    assert sections[1::2] == list(CODINGS)
    for name, section in zip(sections[1::2], sections[2::2], strict=True):
        assert {line.split()[0] for line in section.splitlines() if line.startswith("  --")} == {
            o.flag for o in OPTIONS if name in o.helps
        }
    assert "[default: 24]" in sections[2]
    assert "[default: 64]" in sections[8]
    assert "--calib" in sections[0]


def test_every_field_of_a_coding_has_an_option():
    for name, coding in CODINGS.items():
        fields = set(coding().parameters()) - {"name"}
        assert fields == {o.target for o in OPTIONS if name in o.helps and not o.of_network}

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

import snncc
from snncc.errors import SnnccError
from snncc.evaluation.energy import INT8
from snncc.evaluation.result import Evaluation
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.paper_tables import Subject, fill, read_paper
from snncc.tools.paper_tables.definition import Column, Method
from snncc.tools.paper_tables.measures import MEASURES

LIMIT = 20


@pytest.fixture(scope="module")
def subject(tmp_path_factory) -> Subject:
    folder = tmp_path_factory.mktemp("subject")
    data = load_digits()
    (folder / "ann.onnx").write_bytes(digits_network())
    np.savez(folder / "calib.npz", input=data.train_images[:64])
    np.savez(folder / "test.npz", input=data.test_images, labels=data.test_labels)
    return Subject("digits", folder / "ann.onnx", folder / "calib.npz", folder / "test.npz")


def evaluated(subject: Subject, coding: snncc.Phase | snncc.MSAT, **options: object) -> Evaluation:
    snn = snncc.convert(subject.model, coding, calibration=subject.calib, **options)
    return snncc.evaluate(snn, subject.model, subject.test, limit=LIMIT)


def test_without_networks_there_are_the_papers_rows():
    table = read_paper("fs_conversion").table("2")
    found = fill(table)
    assert found.title.startswith("fs_conversion, Table 2: ")
    assert found.columns == ("network", "method", "source", "ANN %", "SNN %", "neurons", "spikes")
    assert found.rows[1] == ("ResNet20", "FS, K=10 α=25", "Table 2", "91.58", "91.45", "188,416", "261,779")
    assert {row[2] for row in found.rows} == {"Table 2"}


def test_table_vi_measured(subject):
    table = read_paper("one_spike").table("VI")
    table = replace(table, methods=table.methods[:1])
    found = fill(table, [subject], limit=LIMIT)
    assert found.groups == "source"
    assert found.notes[-1] == f"Below the rule: measured on {LIMIT} samples."
    *cited, ours = found.rows
    assert len(cited) == len(table.rows)
    plain = evaluated(subject, snncc.Phase(T=16, Q=1.3))
    int8 = evaluated(subject, snncc.Phase(T=16, Q=1.3), weights="int8")
    gain = int8.energy.formula_gain(INT8)
    figures = ("16", f"{plain.top1[1]:.2f}", f"{int8.top1[1]:.2f}", f"{gain:.2f}")
    assert ours == ("digits", table.methods[0].label, "measured", *figures)


def test_columns_that_a_method_does_not_have_stay_empty(subject):
    table = read_paper("one_spike").table("VIII")
    waits = [c for c in table.columns if c.options.get("wait") in (4, 24)]
    found = fill(replace(table, columns=(waits[0], waits[-1])), [subject], limit=LIMIT)
    (early, never), (early_too, late) = (row[3:] for row in found.rows[-2:])
    assert never == ""
    assert float(early) == evaluated(subject, snncc.Phase(T=16, Q=1.3, wait=4)).top1[1]
    assert float(late) == evaluated(subject, snncc.Phase(T=24, Q=1.2)).top1[1]
    assert early_too


def test_ablations_cite_nothing_and_say_how_many_samples(subject):
    table = read_paper("one_spike").table("shift")
    found = fill(replace(table, methods=table.methods[:2]), [subject], limit=LIMIT)
    assert found.columns == ("network", "method", "ANN %", "T=16, Q=1.3", "T=24, Q=1.2")
    floored = evaluated(subject, snncc.Phase(T=16, Q=1.3, shift=False))
    assert found.rows[1][:4] == ("digits", "no shift", f"{floored.top1[0]:.2f}", f"{floored.top1[1]:.2f}")
    assert found.notes[-1] == f"Measured on {LIMIT} samples."
    assert found.groups is None


def test_a_method_that_cannot_convert_a_network_becomes_a_note(subject, tmp_path):
    gated = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4] input) => (float[N, 4] y) {
            a = Relu (input)
            y = Mul (a, input)
        }"""
    )
    onnx.save(gated, tmp_path / "gated.onnx")
    images = np.random.default_rng(0).random((8, 4), np.float32)
    np.savez(tmp_path / "x.npz", input=images, labels=np.zeros(8, np.int64))
    odd = Subject("odd", tmp_path / "gated.onnx", tmp_path / "x.npz", tmp_path / "x.npz")
    table = read_paper("fs_conversion").table("2")
    strict = Method("strict", {"coding": "fs", "strict": True})
    found = fill(replace(table, methods=(strict, table.methods[1])), [odd])
    assert [row[1] for row in found.rows if row[0] == "odd"] == [table.methods[1].label]
    assert found.notes[-2].startswith("odd, strict: ")
    assert "Mul" in found.notes[-2]


def test_msat_takes_the_parameters_of_the_network(subject):
    table = read_paper("msat").table("threshold")
    table = replace(table, methods=table.methods[-1:], columns=(Column("spikes", "spikes", {"T": 4}),))
    named = [replace(subject, name=name) for name in ("digits", "ResNet-34, ImageNet")]
    found = fill(table, [*named, replace(subject, name="other", preset="vgg16")], limit=LIMIT)
    assert len({row[2] for row in found.rows}) == 3
    for row, preset in zip(found.rows, ("resnet20", "resnet34", "vgg16"), strict=True):
        coding = snncc.MSAT(T=4, preset=preset)
        assert row[2] == MEASURES["spikes"](
            coding, evaluated(subject, coding, normalize="layer", scale="max", match=False)
        )
    whose = "resnet20 (digits); resnet34 (ResNet-34, ImageNet); vgg16 (other)"
    assert found.notes[-2] == f"Parameters of MSAT, by Table 2 of the paper: {whose}."


def test_spikes_of_inactivated_neurons_of_the_last_layer(subject):
    table = read_paper("msat").table("6")
    *_, ours = fill(replace(table, methods=table.methods[:1]), [subject], limit=LIMIT).rows
    found = evaluated(subject, snncc.MSAT(T=32), normalize="layer", scale="max", match=False).sin
    last = found.layers[-1]
    assert last.neurons == min(layer.neurons for layer in found.layers)
    assert 0 < last.firing < last.neurons
    assert ours[3:5] == (f"{last.firing / last.neurons:.3f}", f"{last.spikes / last.firing:.3f}")


def test_networks_with_fewer_samples_than_the_limit_say_so(subject, tmp_path):
    data = load_digits()
    np.savez(tmp_path / "few.npz", input=data.test_images[:5])
    table = read_paper("fs_conversion").table("2")
    few = replace(subject, name="few", test=tmp_path / "few.npz")
    found = fill(replace(table, methods=table.methods[1:]), [subject, few], limit=LIMIT)
    assert found.notes[-1] == f"Below the rule: measured on {LIMIT} samples (digits); 5 samples without labels (few)."
    assert found.rows[-1][3:5] == ("", "")


def test_a_network_that_is_not_there_is_an_error(subject, tmp_path):
    with pytest.raises(SnnccError, match=r"digits: .*none\.onnx"):
        fill(read_paper("fs_conversion").table("K"), [replace(subject, model=Path(tmp_path / "none.onnx"))])

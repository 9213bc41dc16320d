# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.network_view import Network
from snncc.errors import OptionError
from snncc.evaluation.evaluate import pair
from snncc.execution.folded_form import to_folded
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.report.figures import graph, parameter_grids
from snncc.tools.report.grid import axes_of, grid_of


@pytest.mark.parametrize(
    "recipe",
    [{"percentile": 99.0, "match": False, "normalize": "layer"}, {"levels": "fitted"}, {"scale": "max"}],
    ids=["percentile", "fitted", "max"],
)
def test_points_are_conversions_of_their_own(recipe):
    digits, ann = load_digits(), digits_network()
    fitted = recipe.get("levels") == "fitted"
    coding, calibration = snncc.Phase(T=16, Q="auto" if fitted else 1.3), digits.train_images[:60]
    snn = snncc.convert(ann, coding, calibration=calibration, **recipe)
    axes = axes_of(coding, ["T=8,4", "Q=1.3,1.2"])
    assert axes == {"T": (4.0, 8.0), "Q": (1.2, 1.3)}
    data, labels = {"input": digits.test_images[:60]}, digits.test_labels[:60]
    found = grid_of(snn, coding, ann, axes, [data], labels, calibration=calibration, preprocess=None, device="cpu")
    assert found.accuracy.shape == found.error.shape == (2, 2)
    expected = snncc.evaluate(
        snncc.convert(ann, replace(coding, T=8, Q="auto" if fitted else 1.2), calibration=calibration, **recipe),
        ann,
        {**data, "labels": labels},
    )
    assert expected.top1 == (found.ann, found.accuracy[1, 0])
    assert 100 * expected.output_error == pytest.approx(found.error[1, 0], rel=1e-5)
    section = parameter_grids.section(found)
    assert [p.key for p in section.panels] == [
        "grid",
        *(f"{what}-{name}" for name in "TQ" for what in ("accuracy", "loss", "output-error")),
    ]
    for panel in section.panels:
        assert panel.png()


def test_grids_that_make_no_sense_are_refused():
    for texts, reason in ((["T=a"], "no list of values"), (["K=3"], "names 'K'"), (["T=1", "T=2"], "names 'T'")):
        with pytest.raises(OptionError, match=reason):
            axes_of(snncc.Phase(), texts)
    with pytest.raises(OptionError, match="has 3 parameters"):
        axes_of(snncc.Phase(), ["T=8", "Q=1.2", "wait=4"])


def test_graph_has_neurons_synapses_and_joins(reported):
    snn, _ = pair(reported.snn, reported.ann)
    network = Network(to_folded(snn), {"input": (1, 8, 8)})
    places = graph.placed(network, ())
    assert sum(p.kind == "neuron" for p in places) == len(network.neurons)
    assert sum(p.kind == "synapse" for p in places) == len(network.synapses)
    assert [p.kind for p in places if not p.after] == ["input"]
    assert places[-1].kind == "output"
    for place in places:
        assert all(places[i].row < place.row for i in place.after)
    residual = next(p for p in places if len(p.after) == 2)
    assert {places[i].op.endswith("Neuron") for i in residual.after} == {True, False}
    seats = [(p.row, p.lane) for p in places]
    assert len(set(seats)) == len(seats)


def test_a_graph_too_large_says_so(monkeypatch, images):
    from snncc.tools.report import report

    ann = digits_network()
    snn = snncc.convert(ann, snncc.Phase(T=4), calibration=images[:20])
    nodes = len(graph.placed(Network(snn, {"input": (1, 8, 8)}), ()))
    monkeypatch.setattr(graph, "_MOST", nodes)
    assert graph.section(Network(snn, {"input": (1, 8, 8)}), ()).panels
    monkeypatch.setattr(graph, "_MOST", nodes - 1)
    found = report(snn, ann, images[:2])
    (section,) = (s for s in found.sections if s.key == "graph")
    assert not section.panels
    sentence = f"The network has {nodes} nodes to draw, and above {nodes - 1} nobody could read its graph."
    assert section.text == sentence
    assert f"<p>{sentence}</p>" in found.html


def test_graph_names_islands(images):
    ann = onnx.load_from_string(digits_network())
    snn = snncc.convert(ann, snncc.Phase(T=4), calibration=images[:20])
    network = Network(snn, {"input": (1, 8, 8)})
    name = next(n.name for n in network.nodes if n.op_type == "MaxPool")
    places = graph.placed(network, {name})
    assert [p.name for p in places if p.kind == "analog op"] == [name]
    assert graph.section(network, {name}).panels[0].alt.endswith("1 analog op.")
    assert np.all([p.kind != "analog op" for p in graph.placed(network, ())])

# SPDX-License-Identifier: Apache-2.0
"""Text-GCN: its graph against the published formulas, its network against numpy, its training (slow)."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import combinations
from math import log
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.errors import SnnccError
from snncc.frontend.import_model import import_model
from snncc.models import text_gcn
from snncc.models.text_graph import Edges, load_corpus, text_graph
from snncc.runtime import create_session

pytest.importorskip("scipy")


def corpus() -> tuple[list[list[str]], list[str], list[bool]]:
    rng = np.random.default_rng(2)
    documents = [[f"w{i}" for i in rng.zipf(1.6, length) % 17] for length in (30, 3, 25, 21, 1, 0, 20, 8)]
    return documents, [f"class {i % 3}" for i in range(8)], [i != 3 for i in range(8)]


def dense(edges: Edges) -> np.ndarray:
    matrix = np.zeros((edges.nodes, edges.nodes))
    np.add.at(matrix, (edges.targets, edges.sources), edges.weights)
    return matrix


def published(documents: list[list[str]]) -> np.ndarray:
    """Windows, pairs and frequencies counted one by one."""
    words = sorted({w for d in documents for w in d})
    windows = [d[i : i + 20] for d in documents for i in range(max(1, len(d) - 19))]
    single = Counter(w for window in windows for w in set(window))
    pairs = Counter(tuple(sorted(p)) for window in windows for p in combinations(window, 2) if p[0] != p[1])
    count = len(documents)
    matrix = np.eye(count + len(words))
    for (a, b), together in pairs.items():
        information = log(together * len(windows) / (single[a] * single[b]))
        if information > 0:
            i, j = count + words.index(a), count + words.index(b)
            matrix[i, j] = matrix[j, i] = information
    for number, document in enumerate(documents):
        for word, times in Counter(document).items():
            weight = times * log(count / sum(word in d for d in documents))
            matrix[number, count + words.index(word)] = matrix[count + words.index(word), number] = weight
    scale = matrix.sum(axis=1) ** -0.5
    return scale[:, None] * matrix * scale


def test_the_graph_is_the_published_one() -> None:
    documents, labels, train = corpus()
    graph = text_graph(documents, labels, train)
    np.testing.assert_allclose(dense(graph.edges), published(documents), rtol=1e-5, atol=1e-7)
    assert (np.diff(graph.edges.targets) >= 0).all()
    assert (graph.edges.weights != 0).all()
    assert graph.classes == ("class 0", "class 1", "class 2")
    assert graph.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert graph.train.tolist() == train


def test_a_corpus_is_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "tiny_clean.txt.gz", "wt", encoding="latin-1") as file:
        file.write("a b a\nb c\n")
    (tmp_path / "tiny_index.txt").write_text("0\ttrain\tyes\n1\ttest\tno\n")
    assert load_corpus(tmp_path, "tiny") == ([["a", "b", "a"], ["b", "c"]], ["yes", "no"], [True, False])


def test_the_network_is_two_graph_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_gcn, "_EDGES", 50)  # several pieces
    rng = np.random.default_rng(3)
    graph = text_graph(*corpus())
    nodes = graph.edges.nodes
    first, second = rng.normal(0, 1, (nodes, 6)), rng.normal(0, 1, (6, 3))
    model = text_gcn.build(graph.edges, first, second)
    present = (rng.random((2, nodes)) < 0.8).astype(np.float32)
    adjacency = dense(graph.edges)
    hidden = np.maximum(adjacency @ (present[:, :, None] * first), 0)
    expected = adjacency @ (hidden @ second)
    session = create_session(model, device="cpu")
    np.testing.assert_allclose(session.run(None, {"input": present})[0], expected, rtol=1e-4, atol=1e-4)
    snn = snncc.convert(model, snncc.Phase(T=24, Q=1.2, input="one"), calibration=present)
    found = snncc.evaluate(snn, model, {"input": present, "labels": np.zeros((2, nodes), np.int64)})
    edges = len(graph.edges.weights)
    assert found.energy.ann_macs == nodes * 6 + edges * 6 + nodes * 6 * 3 + edges * 3
    assert found.agreement > 0.9


def test_what_training_needs_is_named() -> None:
    with pytest.raises(SnnccError, match=r"needs no_such_package\. Install it: pip install no_such_package"):
        text_gcn._imported("no_such_package")


# The paper's Table V: accuracy of the ANN, and the energy gain that any conversion must reach.
@pytest.mark.slow
@pytest.mark.parametrize(("name", "accuracy"), [("R8", 97.06), ("mr", 75.93)])
def test_trained_networks_convert(shared: Path, tmp_path: Path, name: str, accuracy: float) -> None:
    pytest.importorskip("torch")
    text_gcn.main(shared / "data" / "text_gcn", name, tmp_path)
    model, calibration = tmp_path / "model.onnx", tmp_path / "calib.npz"
    snn = snncc.convert(model, snncc.Phase(T=16, Q=1.3, input="one"), calibration=calibration)
    found = snncc.evaluate(snn, model, tmp_path / "test.npz")
    assert found.top1 is not None
    assert found.drop is not None
    assert abs(found.top1[0] - accuracy) < 1.5
    assert found.drop <= 0.9
    assert (found.energy.gain() or 0) >= 4.5
    assert (found.energy.formula_gain() or 0) >= 4.5
    assert found.max_spikes == 1
    fine = snncc.convert(model, snncc.FS(K=16), calibration=calibration)
    feeds = {"input": np.load(tmp_path / "test.npz")["input"]}
    a, b = (create_session(m, device="cpu").run(None, feeds)[0].ravel() for m in (import_model(model).to_proto(), fine))
    assert a @ b / np.sqrt((a @ a) * (b @ b)) >= 0.999

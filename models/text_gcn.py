# SPDX-License-Identifier: Apache-2.0
"""Train the two-layer Text-GCN on R8 or MR; write it as ONNX, with calibration and test data.

    python -m snncc.models.text_gcn ../shared/data/text_gcn R8 build/r8
    snncc convert build/r8/model.onnx --coding phase --T 16 --Q 1.3 --input one --calib build/r8/calib.npz -o snn.onnx
    snncc evaluate snn.onnx --ann build/r8/model.onnx --data build/r8/test.npz

needs torch (a CPU build will do) and scipy. Logits = A ReLU(A X W1) W2, as published: hidden width 200, dropout 0.5,
Adam with learning rate 0.02, early stopping on a tenth of the training documents, at most 200 epochs.

The features of node i are the i-th unit vector, so that X W1 only needs the diagonal of X. The network's input, [N,
nodes], is 1 for each node that is present and 0 for the others; a sample is a whole graph.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from snncc.errors import SnnccError
from snncc.models.builder import NetworkBuilder
from snncc.models.text_graph import Edges, TextGraph, load_corpus, text_graph

__all__ = ["build", "main", "train"]

_HIDDEN = 200
_DROPOUT = 0.5
_RATE = 0.02
_EPOCHS = 200
_PATIENCE = 10
_VALIDATION = 0.1
_SEED = 0
_EDGES = 2**18  # in one piece

Array = npt.NDArray[Any]
Weights = tuple[Array, Array]


def build(edges: Edges, first: Array, second: Array) -> onnx.ModelProto:
    """The network as ONNX, [N, nodes] -> [N, nodes, classes]; weights are (nodes, hidden) and (hidden, classes)."""
    net = NetworkBuilder("text_gcn", (len(first),))
    pieces = [_piece(net, edges, start) for start in range(0, len(edges.weights), _EDGES)]
    x = net.add("Unsqueeze", [net.input, net.constant("unit_axes", np.array([2, 3]))], "features")
    weight = net.constant("first.weight", np.asarray(first[:, None], np.float32))  # of each node by itself
    x = net.add("MatMul", [x, weight], "first")  # [N, nodes, 1, hidden]
    x = net.add("Squeeze", [x, net.constant("unit_axis", np.array([2]))], "first.messages")
    x = net.add("Relu", [_aggregate(net, pieces, x, "first.sum")], "relu")
    x = net.add("MatMul", [x, net.constant("second.weight", np.asarray(second, np.float32))], "second")
    return net.build(_aggregate(net, pieces, x, "second.sum"), "logits", len(first), second.shape[1])


def _piece(net: NetworkBuilder, edges: Edges, start: int) -> list[str]:
    """Constants: sources, targets as a column, weights as a column, of some edges."""
    part = slice(start, start + _EDGES)
    return [
        net.constant(f"sources.{start}", edges.sources[part]),
        net.constant(f"targets.{start}", edges.targets[part, None]),
        net.constant(f"weights.{start}", edges.weights[part, None]),
    ]


def _aggregate(net: NetworkBuilder, pieces: list[list[str]], x: str, name: str) -> str:
    """Σ over the edges into each node of weight x source, [N, nodes, channels].

    Some edges at a time, each piece added to the one before, so that the messages of all edges are never there at once.
    ScatterElements adds up in one order; ScatterND, which needs fewer indices, loses messages in onnxruntime where
    threads meet.
    """
    total = net.add("ConstantOfShape", [net.add("Shape", [x], f"{name}.shape")], f"{name}.zeros")
    for number, (sources, targets, weights) in enumerate(pieces):
        piece = f"{name}.{number}"
        sent = net.add("Gather", [x, sources], f"{piece}.sent", axis=1)
        message = net.add("Mul", [sent, weights], f"{piece}.message")
        places = net.add("Expand", [targets, net.add("Shape", [message], f"{piece}.shape")], f"{piece}.places")
        total = net.add("ScatterElements", [total, places, message], piece, axis=1, reduction="add")
    return total


def train(graph: TextGraph, *, log: bool = False) -> Weights:
    """The weights (nodes, hidden) and (hidden, classes) with the least loss on the held-out documents."""
    torch = _imported("torch")
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)  # sums in one order
    adjacency = _adjacency(torch, graph.edges)
    weights = [_glorot(torch, graph.edges.nodes, _HIDDEN), _glorot(torch, _HIDDEN, len(graph.classes))]
    labels = torch.from_numpy(graph.labels)
    known = torch.from_numpy(np.flatnonzero(graph.train))
    known = known[torch.randperm(len(known))]
    held = int(_VALIDATION * len(known))
    optimizer = torch.optim.Adam(weights, lr=_RATE)
    losses: list[float] = []
    for epoch in range(_EPOCHS):
        logits = _forward(torch, adjacency, weights, training=True)
        loss = torch.nn.functional.cross_entropy(logits[known[held:]], labels[known[held:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            logits = _forward(torch, adjacency, weights, training=False)
            losses.append(torch.nn.functional.cross_entropy(logits[known[:held]], labels[known[:held]]).item())
        if log:
            print(f"epoch {epoch + 1}: training loss {loss.item():.4f}, validation loss {losses[-1]:.4f}", flush=True)
        if epoch > _PATIENCE and losses[-1] > np.mean(losses[-_PATIENCE - 1 : -1]):
            break
    first, second = (w.detach().numpy() for w in weights)
    return first, second


def _forward(torch: Any, adjacency: Any, weights: list[Any], *, training: bool) -> Any:
    """Dropout acts on the features, which are unit vectors, so that it drops rows of W1 and scales the others."""

    def dropped(x: Any) -> Any:
        return torch.nn.functional.dropout(x, _DROPOUT, training)

    first, second = weights
    hidden = torch.relu(adjacency @ (dropped(torch.ones(len(first), 1)) * first))
    return adjacency @ (dropped(hidden) @ second)


def _glorot(torch: Any, rows: int, columns: int) -> Any:
    weight = torch.empty(rows, columns, requires_grad=True)
    torch.nn.init.xavier_uniform_(weight)
    return weight


def _adjacency(torch: Any, edges: Edges) -> Any:
    ends = np.stack([edges.targets, edges.sources])
    matrix = torch.sparse_coo_tensor(ends, torch.from_numpy(edges.weights), (edges.nodes, edges.nodes))
    return matrix.coalesce().to_sparse_csr()


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SnnccError(f"training Text-GCN needs {name}. Install it: pip install {name}") from error


def _present(graph: TextGraph, *, tested: bool) -> Array:
    """The network's input, [1, nodes]: all nodes, or all but the documents of the test part."""
    present = np.ones((1, graph.edges.nodes), np.float32)
    present[0, : len(graph.train)] = tested | graph.train
    return present


def _test_labels(graph: TextGraph) -> Array:
    """The class of each test document, -1 for all other nodes, [1, nodes]."""
    labels = np.full((1, graph.edges.nodes), -1, np.int64)
    labels[0, : len(graph.train)] = np.where(graph.train, -1, graph.labels)
    return labels


def main(data: Path, corpus: str, folder: Path) -> None:
    """Train on `corpus` in `data`; write model.onnx, calib.npz and test.npz to `folder`, and print the accuracy."""
    from snncc.frontend.import_model import import_model
    from snncc.runtime import create_session

    _imported("scipy.sparse")
    graph = text_graph(*load_corpus(data, corpus))
    print(f"{corpus}: {graph.edges.nodes} nodes, {len(graph.edges.weights)} edges, loops included", flush=True)
    model = build(graph.edges, *train(graph, log=True))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    labels, everything = _test_labels(graph), _present(graph, tested=True)
    np.savez_compressed(folder / "calib.npz", input=_present(graph, tested=False))
    np.savez_compressed(folder / "test.npz", input=everything, labels=labels)
    session = create_session(import_model(model).to_proto(), device="cpu")  # with sums over edges as one op
    logits = session.run(None, {"input": everything})[0]
    right = (logits.argmax(2) == labels)[labels >= 0]
    print(f"{folder / 'model.onnx'}: {100 * right.mean():.2f} % of {len(right)} test documents")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train Text-GCN and write it as ONNX, with its data.")
    parser.add_argument("data", type=Path, help="folder with CORPUS_index.txt and CORPUS_clean.txt.gz")
    parser.add_argument("corpus", help="R8 or mr")
    parser.add_argument("folder", type=Path, help="where model.onnx, calib.npz and test.npz go")
    arguments = parser.parse_args()
    main(arguments.data, arguments.corpus, arguments.folder)

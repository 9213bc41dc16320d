# SPDX-License-Identifier: Apache-2.0
"""The graph of a text corpus: documents and words as nodes (Yao, Mao, Luo: Graph convolutional networks for text).

A word and a document are joined with the weight TF-IDF, two words with their positive pointwise mutual information
within windows of 20 words, and each node with itself. The matrix is normalised on both sides: D^-1/2 A D^-1/2.
"""

from __future__ import annotations

import gzip
import importlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Edges", "TextGraph", "load_corpus", "text_graph"]

_WINDOW = 20

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Edges:
    """The non-zero entries of an adjacency matrix: (Y)_target = Σ weight X_source; sorted by target, then source.

    Attributes:
        sources: node that an edge starts from, [edges] int64.
        targets: node that it leads to.
        weights: float32.
        nodes: number of nodes.
    """

    sources: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    nodes: int


@dataclass(frozen=True, eq=False)
class TextGraph:
    """A corpus as a graph; documents are the first nodes, in the order of the files, words follow.

    Attributes:
        edges: normalised, symmetric, with loops.
        labels: class of each document, [documents].
        train: whether a document is in the training part.
        classes: names of the classes.
    """

    edges: Edges
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.bool_]
    classes: tuple[str, ...]


def load_corpus(folder: Path, name: str) -> tuple[list[list[str]], list[str], list[bool]]:
    """(Words, label, in the training part or not) of every document of corpus `name` in `folder`."""
    with gzip.open(folder / f"{name}_clean.txt.gz", "rt", encoding="latin-1") as file:
        documents = [line.split() for line in file]
    rows = [line.split("\t") for line in (folder / f"{name}_index.txt").read_text().splitlines()]
    if len(rows) != len(documents):
        raise ValueError(f"{name}: {len(documents)} documents, but {len(rows)} lines in the index")
    return documents, [row[2] for row in rows], ["train" in row[1] for row in rows]


def text_graph(documents: list[list[str]], labels: list[str], train: list[bool]) -> TextGraph:
    """The graph of a corpus."""
    sparse: Any = importlib.import_module("scipy.sparse")
    numbers = {word: i for i, word in enumerate(sorted({w for d in documents for w in d}))}
    texts = [np.array([numbers[w] for w in d], np.int64) for d in documents]
    frequency = _tf_idf(sparse, texts, len(numbers))
    words = _mutual_information(sparse, texts, len(numbers))
    adjacency = sparse.bmat([[None, frequency], [frequency.T, words]])
    classes = tuple(sorted(set(labels)))
    return TextGraph(
        _normalised(sparse, adjacency + sparse.identity(adjacency.shape[0])),
        np.array([classes.index(c) for c in labels], np.int64),
        np.array(train),
        classes,
    )


def _tf_idf(sparse: Any, texts: list[Array], words: int) -> Any:
    """How often a word stands in a document x log(documents / documents that hold it), [documents, words]."""
    counts = _counts(sparse, texts, words)
    holding = np.maximum((counts > 0).sum(axis=0).A1, 1)
    return counts @ sparse.diags(np.log(len(texts) / holding))


def _mutual_information(sparse: Any, texts: list[Array], words: int) -> Any:
    """log(p(i, j) / (p(i) p(j))) of the words that stand together more often than by chance, [words, words]."""
    windows = Counter(
        tuple(text[start : start + _WINDOW].tolist())
        for text in texts
        for start in range(max(1, len(text) - _WINDOW + 1))
    )
    times = np.array(list(windows.values()), np.float64)
    counts = _counts(sparse, [np.array(w, np.int64) for w in windows], words)
    together = (counts.T @ sparse.diags(times) @ counts).tocoo()  # pairs of places, as published
    single = (counts > 0).T.astype(np.float64) @ times
    value = np.log(together.data * times.sum() / (single[together.row] * single[together.col]))
    keep = (value > 0) & (together.row != together.col)
    return sparse.coo_matrix((value[keep], (together.row[keep], together.col[keep])), shape=(words, words))


def _counts(sparse: Any, texts: list[Array], words: int) -> Any:
    """How often each word stands in each text, [texts, words]."""
    rows = np.repeat(np.arange(len(texts)), [len(t) for t in texts])
    columns = np.concatenate(texts) if texts else np.zeros(0, np.int64)
    shape = (len(texts), words)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)  # adds up what stands twice


def _normalised(sparse: Any, adjacency: Any) -> Edges:
    """D^-1/2 A D^-1/2 with the degrees D = Σ_j A_ij."""
    degree = adjacency.sum(axis=1).A1
    scaled = sparse.csr_matrix(sparse.diags(degree**-0.5) @ adjacency @ sparse.diags(degree**-0.5))
    scaled.eliminate_zeros()
    scaled.sort_indices()
    entries = scaled.tocoo()
    targets, sources = entries.row.astype(np.int64), entries.col.astype(np.int64)
    return Edges(sources, targets, entries.data.astype(np.float32), adjacency.shape[0])

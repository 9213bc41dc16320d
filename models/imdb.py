# SPDX-License-Identifier: Apache-2.0
"""IMDB reviews as rows of token ids: lowercase words, numbered by their frequency in the training reviews.

Reviews are files of JSON lines, gzipped: {"id", "label": 0 or 1, "text"}.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["LENGTH", "WORDS", "Reviews", "ids_of", "load_reviews", "vocabulary"]

LENGTH = 200  # words of a review that are read: its last ones, where opinions are summed up
WORDS = 10_000  # ids: 0 is padding, 1 a word that is not in the vocabulary
_PADDING, _UNKNOWN, _FIRST = 0, 1, 2
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_MARKUP = re.compile(r"<[^>]*>")


class Reviews(NamedTuple):
    """Token ids [N, LENGTH], int64, padded at the start; labels [N], int64: 1 is a positive review."""

    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


def vocabulary(texts: Iterable[str], size: int = WORDS) -> dict[str, int]:
    """The id of each of the most frequent words; `size` ids in total, including those of padding and unknown words."""
    counts = Counter(word for text in texts for word in _words(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(ranked[: size - _FIRST], _FIRST)}


def ids_of(text: str, known: Mapping[str, int], length: int = LENGTH) -> list[int]:
    """The ids of the last `length` words of `text`, padded at the start."""
    found = [known.get(word, _UNKNOWN) for word in _words(text)[-length:]]
    return [_PADDING] * (length - len(found)) + found


def load_reviews(folder: Path) -> tuple[Reviews, Reviews]:
    """(Training, test) reviews of `folder`; the vocabulary is that of the training reviews."""
    train, test = (_read(folder / f"imdb_{part}.jsonl.gz") for part in ("train", "test"))
    known = vocabulary(review["text"] for review in train)
    return _numbered(train, known), _numbered(test, known)


def _words(text: str) -> list[str]:
    return _WORD.findall(_MARKUP.sub(" ", text.lower()))


def _read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _numbered(reviews: Sequence[Mapping[str, Any]], known: Mapping[str, int]) -> Reviews:
    ids = np.array([ids_of(review["text"], known) for review in reviews], np.int64)
    return Reviews(ids, np.array([review["label"] for review in reviews], np.int64))

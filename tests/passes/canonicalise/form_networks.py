# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

SHAPES = {"w": (4, 5), "v": (4,), "cube": (2, 4, 5), "square": (4, 4)}


CONSTANTS = """<float zero = {0.0}, float half = {0.5}, float minus = {-0.5}, int64[2] parts = {1, 3},
    int64[2] twice = {1, 2}, int64[2] rows = {2, 1}, bool[4] mask = {0, 1, 1, 0}, int64[1] three = {3},
    float[1,3] c = {1.0, 2.0, 3.0}, float much = {1e38}, int64[3] box = {0, 2, 2}, int64[3] copies = {1, 2, 3},
    int64[4] ring = {0, 1, 2, 2}, float[4] gaps = {1.0, 0.0, 2.0, 4.0}>"""


RANKS = {
    "Tile of two axes": "A,B,C",
    "axes in a ring": "A,B,C,D",
    "rows of a cube": "A,B,C",
    "a sum": "A",
    "activations": "A",
}


def network(body: str, name: str) -> tuple[str, dict[str, tuple[int, ...]]]:
    """The text of a network from x to y, and the weights that it takes."""
    used = {k: v for k, v in SHAPES.items() if k in body}
    return f"net (float[N,4] x) => (float[{RANKS.get(name, 'A,B')}] y) {CONSTANTS} {{ {body} }}", used

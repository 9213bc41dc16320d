# SPDX-License-Identifier: Apache-2.0
"""Truncated or damaged models, samples and grids are read correctly or refused with a SnnccError."""

from __future__ import annotations

import io
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import snncc
from snncc.errors import SnnccError
from snncc.io.batches import batches, count_of, labels_of
from snncc.io.input_specs import InputSpec
from snncc.models import digits_network
from snncc.tools.sweep import read_plan

SPEC = InputSpec("input", ("N", 1, 8, 8), np.dtype(np.float32))
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8)).astype(np.uint8)
GRID = """[sweep]
shard = 16
batch = 8
[[model]]
path = "ann.onnx"
data = "test.npz"
calib = "test.npz"
limit = 10
[[coding]]
name = "phase"
T = [8, 16]
Q = [1.2, "auto"]
[[coding]]
name = "fs"
K = [4, 8]
[convert]
weights = ["float", "int8"]
normalize = "channel"
"""
WORDS = [
    "-1",
    "0",
    "1e999",
    "nan",
    "true",
    '""',
    "[]",
    "[[]]",
    "{}",
    '"x"',
    "2020-01-01",
    "9" * 40,
    '"\\u0000"',
    "\n",
    "=",
]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` cut, or with bytes changed, left out or repeated."""
    found = bytearray(content)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(found[: rng.randrange(len(found))])
    for _ in range(rng.choice([1, 1, 3, 20])):
        at, length = rng.randrange(len(found)), rng.randrange(1, 9)
        part = bytes(rng.randrange(256) for _ in range(length))
        found[at : at + length] = (part, b"", bytes(found[at : at + length]) * 2)[kind - 1]
    return bytes(found)


def saved(save: Callable[..., None], *args: np.ndarray, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, *args, **arrays)
    return file.getvalue()


def picture() -> bytes:
    file = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(file, "png")
    return file.getvalue()


FILES = {
    "stored.npz": saved(np.savez, input=IMAGES, labels=np.arange(20)),
    "floats.npz": saved(np.savez, input=IMAGES[:, None].astype(np.float32), labels=np.arange(20)),
    "packed.npz": saved(np.savez_compressed, input=IMAGES, labels=np.arange(20)),
    "plain.npy": saved(np.save, IMAGES),
    "folder/a.png": picture(),
}


def read_samples(path: Path) -> None:
    """As `run` and `evaluate` read them."""
    source = path.parent if path.suffix == ".png" else path
    count_of(source)
    for batch in batches(source, [SPEC], batch_size=8):
        assert batch["input"].shape[1:] == (1, 8, 8)
        assert np.isfinite(batch["input"]).all()
    labels_of(source)


def outcome(act: Callable[[], object], where: str) -> str:
    """`right` or `refused`; anything else escapes."""
    start = time.process_time()
    try:
        act()
    except SnnccError:
        return "refused"
    finally:
        assert time.process_time() - start < 20, where
    return "right"


@pytest.mark.parametrize("name", FILES)
def test_damaged_samples(tmp_path: Path, name: str) -> None:
    path, found = tmp_path / name, Counter()
    path.parent.mkdir(exist_ok=True)
    for seed in range(100):
        path.write_bytes(damaged(FILES[name], random.Random(seed)))
        found[outcome(lambda: read_samples(path), f"{name}, seed {seed}")] += 1
    assert found["refused"] > 50, found


def test_damaged_grids(tmp_path: Path) -> None:
    (tmp_path / "ann.onnx").write_bytes(digits_network())
    (tmp_path / "test.npz").write_bytes(FILES["floats.npz"])
    found: Counter[str] = Counter()
    for seed in range(300):
        rng, text = random.Random(seed), GRID
        for _ in range(rng.choice([1, 1, 2])):
            words = text.split(" ")
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            text = " ".join(words)
        given = text.encode() if rng.random() < 0.7 else damaged(text.encode(), rng)
        (tmp_path / "grid.toml").write_bytes(given)
        found[outcome(lambda: read_plan(tmp_path / "grid.toml"), f"seed {seed}")] += 1
    assert set(found) == {"right", "refused"}, found


def test_models_that_are_cut(tmp_path: Path) -> None:
    content, found, path = digits_network(), Counter(), tmp_path / "cut.onnx"
    for end in np.linspace(0, len(content) - 1, 200).astype(int):
        path.write_bytes(content[:end])
        found[outcome(lambda: snncc.convert(path, snncc.FS(K=4), input_range=(0, 16)), f"cut at {end}")] += 1
    assert found["refused"] > 150, found

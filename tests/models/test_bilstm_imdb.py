# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

import snncc
import snncc.runtime
from snncc.models import bilstm_imdb
from snncc.models.imdb import ids_of, load_reviews, vocabulary

TEXTS = ["A good film.<br />It's GOOD, good!", "A bad film", "bad"]


@pytest.fixture
def weights():
    rng, units, width = np.random.default_rng(0), 4, 6
    shapes = {"embed.weight": (30, width), "hidden.weight": (5, 2 * units), "hidden.bias": (5,)}
    shapes |= {"fc.weight": (2, 5), "fc.bias": (2,)}
    for end in ("", "_reverse"):
        shapes |= {f"lstm.weight_ih_l0{end}": (4 * units, width), f"lstm.weight_hh_l0{end}": (4 * units, units)}
        shapes |= {f"lstm.bias_{part}_l0{end}": (4 * units,) for part in ("ih", "hh")}
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def test_words_are_numbered_by_how_frequent_they_are() -> None:
    known = vocabulary(TEXTS, 6)
    assert known == {"good": 2, "a": 3, "bad": 4, "film": 5}  # those equally frequent in the order of the alphabet
    assert ids_of(TEXTS[0], known, 8) == [0, 0, 3, 2, 5, 1, 2, 2]
    assert ids_of(TEXTS[0], known, 3) == [1, 2, 2]


def test_reviews_are_read_with_the_vocabulary_of_the_training_part(tmp_path) -> None:
    for part, texts in (("train", TEXTS), ("test", ["good unheard film"])):
        with gzip.open(tmp_path / f"imdb_{part}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps({"id": "1", "label": 1, "text": text}) + "\n" for text in texts)
    train, test = load_reviews(tmp_path)
    assert train.ids.shape == (3, 200)
    assert test.ids[0, -3:].tolist() == [2, 1, 5]
    assert test.labels.tolist() == [1]


def test_network_is_what_torch_computes(weights) -> None:
    """The equations of torch's LSTM, written out."""
    model = bilstm_imdb.build(weights, 7)
    onnx.checker.check_model(model, full_check=True)
    ids = np.random.default_rng(1).integers(0, 30, (3, 7))
    x = weights["embed.weight"][ids]
    both = [_lstm(x[:, ::turn], weights, end)[:, ::turn] for end, turn in (("", 1), ("_reverse", -1))]
    pooled = np.concatenate(both, axis=2).max(axis=1)
    hidden = np.maximum(pooled @ weights["hidden.weight"].T + weights["hidden.bias"], 0)
    wanted = hidden @ weights["fc.weight"].T + weights["fc.bias"]
    found = snncc.runtime.create_session(model, device="cpu").run(None, {"input": ids})[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def _lstm(x: np.ndarray, weights: dict[str, np.ndarray], end: str) -> np.ndarray:
    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    W, R, b, c = (weights[f"lstm.{part}_l0{end}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = state = np.zeros((len(x), R.shape[1]))
    found = []
    for step in x.swapaxes(0, 1):
        i, f, g, o = np.split(step @ W.T + b + h @ R.T + c, 4, axis=1)
        state = sigmoid(f) * state + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(state)
        found.append(h)
    return np.stack(found, axis=1)


@pytest.fixture(scope="module")
def trained(shared: Path, tmp_path_factory) -> Path:
    """A folder with the trained network and its data; $SNNCC_CACHE keeps it from one session to the next."""
    if not (shared / "data" / "imdb_train.jsonl.gz").is_file():
        pytest.skip(f"no reviews at {shared / 'data'}")
    kept = os.environ.get("SNNCC_CACHE")
    folder = Path(kept) / "bilstm_imdb" if kept else tmp_path_factory.mktemp("bilstm_imdb")
    if not (folder / "bilstm_imdb.onnx").is_file():
        pytest.importorskip("torch", reason="training needs torch")
        bilstm_imdb.main(shared / "data", folder)
    return folder


@pytest.mark.slow
def test_reviews_are_told_apart_as_well_by_spikes(trained: Path) -> None:
    """At least 82 % for the network itself, and half a point lost at most."""
    ann, data = trained / "bilstm_imdb.onnx", trained / "imdb_test.npz"
    snn = snncc.convert(ann, snncc.FS(K=16), calibration=trained / "imdb_calib.npz")
    found = snncc.evaluate(snn, ann, data)
    assert found.samples == 5000
    assert found.top1 is not None
    assert found.top1[0] >= 82
    assert found.drop is not None
    assert found.drop <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("coding", [snncc.Phase(T=16, Q=1.3), snncc.Rate(T=32), snncc.MSAT(T=64)])
def test_other_codings_keep_up(trained: Path, coding) -> None:
    ann = trained / "bilstm_imdb.onnx"
    snn = snncc.convert(ann, coding, calibration=trained / "imdb_calib.npz")
    found = snncc.evaluate(snn, ann, trained / "imdb_test.npz", limit=1000)
    assert found.drop is not None
    assert found.drop <= 0.5

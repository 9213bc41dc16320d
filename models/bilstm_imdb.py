# SPDX-License-Identifier: Apache-2.0
"""Train a bidirectional LSTM on IMDB reviews; write it as ONNX, with the data in the model's input format.

    python -m snncc.models.bilstm_imdb REVIEWS OUT

needs torch (a CPU build will do) and a folder REVIEWS with imdb_train.jsonl.gz and imdb_test.jsonl.gz; some ten minutes
on one core. OUT gets bilstm_imdb.onnx, imdb_calib.npz (training reviews) and imdb_test.npz. Token ids - embedding -
bidirectional LSTM - maximum over time - linear - relu - linear: recurrence between linear layers, in the nodes that
torch exports at opset 17. A tenth of the training reviews is the validation set that selects the epoch.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from snncc.models.builder import Array, NetworkBuilder
from snncc.models.imdb import LENGTH, WORDS, Reviews, load_reviews

__all__ = ["build", "main", "train"]

_WIDTH, _UNITS, _HIDDEN, _CLASSES = 64, 64, 64, 2
_EPOCHS = 8
_BATCH = 32
_CALIBRATION = 1000
_RATE = 6e-3
_SEED = 0


def build(weights: dict[str, Array], length: int | str = LENGTH) -> onnx.ModelProto:
    """The network as ONNX, int64 [N, length] -> [N, 2]; `weights` are named as in torch's state dict."""
    net = NetworkBuilder("bilstm_imdb", (length,), np.int64)
    x = net.add("Gather", [net.constant("embed.weight", weights["embed.weight"]), net.input], "embed", axis=0)
    x = net.add("Transpose", [x], "time_first", perm=[1, 0, 2])
    both = [[weights[f"lstm.{part}_l0{end}"] for end in ("", "_reverse")] for part in ("weight_ih", "weight_hh")]
    bias = [
        np.concatenate([weights[f"lstm.bias_{part}_l0{end}"] for part in ("ih", "hh")], dtype=np.float32)
        for end in ("", "_reverse")
    ]
    names = ("lstm.W", "lstm.R")
    given = [net.constant(name, np.stack([_iofc(w) for w in pair])) for name, pair in zip(names, both, strict=True)]
    given.append(net.constant("lstm.B", np.stack([np.concatenate([_iofc(b) for b in np.split(v, 2)]) for v in bias])))
    units = both[1][0].shape[1]
    x = net.add("LSTM", [x, *given], "lstm", direction="bidirectional", hidden_size=units)
    x = net.add("Transpose", [x], "lstm.sides", perm=[0, 2, 1, 3])
    x = net.add("Reshape", [x, net.constant("lstm.shape", np.array([0, 0, 2 * units]))], "lstm.joined")
    x = net.add("Transpose", [x], "batch_first", perm=[1, 0, 2])
    x = net.add("ReduceMax", [x], "pool", axes=[1], keepdims=0)
    x = net.add("Relu", [net.gemm(x, "hidden", weights["hidden.weight"], weights["hidden.bias"])], "relu")
    return net.build(net.gemm(x, "fc", weights["fc.weight"], weights["fc.bias"]), "logits", _CLASSES)


def train(reviews: Reviews) -> dict[str, Array]:
    """The weights of the epoch with the highest validation accuracy: Adam, dropout, all seeded."""
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)  # sums in one order
    layers = _layers(torch)
    ids, labels = torch.from_numpy(reviews.ids), torch.from_numpy(reviews.labels)
    order = torch.randperm(len(ids))
    held, used = order[: len(ids) // 10], order[len(ids) // 10 :]
    optimizer = torch.optim.Adam(layers.parameters(), lr=_RATE)
    steps = -(-len(used) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, epochs=_EPOCHS, steps_per_epoch=steps)
    best, kept = -1.0, {}
    for epoch in range(_EPOCHS):
        for index in used[torch.randperm(len(used))].split(_BATCH):
            loss = torch.nn.functional.cross_entropy(_forward(torch, layers, ids[index], drop=True), labels[index])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        right = _accuracy(torch, layers, ids[held], labels[held])
        print(f"epoch {epoch + 1} of {_EPOCHS}: {100 * right:.2f} % of the {len(held)} reviews set aside", flush=True)
        if right > best:
            best, kept = right, {key: value.numpy().copy() for key, value in layers.state_dict().items()}
    return kept


def _iofc(gates: Array) -> Array:
    """torch orders the gates input, forget, cell, output; ONNX input, output, forget, cell."""
    i, f, c, o = np.split(gates, 4)
    return np.concatenate([i, o, f, c])


def _layers(torch: Any) -> Any:
    return torch.nn.ModuleDict(
        {
            "embed": torch.nn.Embedding(WORDS, _WIDTH, padding_idx=0),
            "lstm": torch.nn.LSTM(_WIDTH, _UNITS, batch_first=True, bidirectional=True),
            "hidden": torch.nn.Linear(2 * _UNITS, _HIDDEN),
            "fc": torch.nn.Linear(_HIDDEN, _CLASSES),
        }
    )


def _forward(torch: Any, layers: Any, ids: Any, *, drop: bool) -> Any:
    def dropped(x: Any, share: float) -> Any:
        return torch.nn.functional.dropout(x, share, drop)

    x = layers["lstm"](dropped(layers["embed"](ids), 0.2))[0].amax(1)
    return layers["fc"](dropped(torch.relu(layers["hidden"](dropped(x, 0.4))), 0.4))


def _accuracy(torch: Any, layers: Any, ids: Any, labels: Any) -> float:
    with torch.no_grad():
        answers = torch.cat([_forward(torch, layers, part, drop=False).argmax(1) for part in ids.split(256)])
    return float((answers == labels).double().mean())


def main(reviews: Path, out: Path) -> None:
    """Train, write network and data to the folder `out`, and print the network's accuracy in onnxruntime."""
    import onnxruntime as ort

    training, test = load_reviews(reviews)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "imdb_calib.npz", input=training.ids[:_CALIBRATION], labels=training.labels[:_CALIBRATION]
    )
    np.savez_compressed(out / "imdb_test.npz", input=test.ids, labels=test.labels)
    model, path = build(train(training)), out / "bilstm_imdb.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    parts = (test.ids[i : i + 256] for i in range(0, len(test.ids), 256))
    answers = np.concatenate([session.run(None, {"input": part})[0].argmax(1) for part in parts])
    accuracy = float(np.mean(answers == test.labels))
    print(f"{path}: {path.stat().st_size} bytes, {100 * accuracy:.2f} % of {len(answers)} test reviews")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a bidirectional LSTM on IMDB reviews and write it as ONNX.")
    parser.add_argument("reviews", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    main(arguments.reviews, arguments.out)

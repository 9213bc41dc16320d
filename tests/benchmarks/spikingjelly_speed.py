# SPDX-License-Identifier: Apache-2.0
"""Time and memory of rate coding, compared with SpikingJelly's conversion of the same network.

    python -m venv .venv && . .venv/bin/activate
    pip install torch . spikingjelly==2.0.0
    python tests/benchmarks/spikingjelly_speed.py [--shared DIR] [--steps T ...] [--batch N ...] [--json FILE] ...

ResNet-20 on CIFAR-10, float32, on the CPU. "SpikingJelly loop" calls its network once per time step, as its examples
do, "SpikingJelly multi" hands over all steps at once; "snncc folded" and "snncc loop" are those forms of the network
with the native kernels. One process takes the times: all four in turn, several rounds; what is reported is the median
time per image, and the median over the rounds of the ratio to SpikingJelly's loop. Waiting threads of neither side
spin, so that CPU time, which counts where the machine is busy, is that of the work. Memory is each one's own process's:
the peak while it runs, and by how much that is more than before the first run (Linux only).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort

from snncc.evaluation.timing import turns
from snncc.runtime import create_session

Images = np.ndarray[Any, Any]
Run = Callable[[], Images]

PREPROCESS = "scale=1/255,mean=.485 .456 .406,std=.229 .224 .225"
RIVALS = {"SpikingJelly loop": False, "SpikingJelly multi": True}
FORMS = {"snncc folded": "folded", "snncc loop": "loop"}
CALIBRATION = 200
COLUMNS = ("T", "batch", "network", "wall ms", "CPU ms", "wall ratio", "CPU ratio", "peak MB", "grown MB", "as ANN")
WIDTHS = (3, 5, 18, 8, 8, 10, 9, 8, 8, 6)


@dataclass(frozen=True)
class Result:
    """Milliseconds per image, ratios to SpikingJelly's loop, MB, share of images classified as by the ReLU network."""

    steps: int
    batch: int
    network: str
    wall_ms: float
    cpu_ms: float
    wall_ratio: float
    cpu_ratio: float
    peak_mb: float
    grown_mb: float
    agreement: float

    def cells(self) -> tuple[str, ...]:
        ratios = (f"{r:.2f}" for r in (self.wall_ratio, self.cpu_ratio))
        times = (f"{t:.2f}" for t in (self.wall_ms, self.cpu_ms))
        megabytes = (f"{m:.0f}" for m in (self.peak_mb, self.grown_mb))
        return (str(self.steps), str(self.batch), self.network, *times, *ratios, *megabytes, f"{self.agreement:.2f}")


def pictures(file: Path, number: int) -> Images:
    """The first images of a data file, ready for the network."""
    from snncc.io.preprocess import Preprocess

    with np.load(file) as arrays:
        values = Preprocess.parse(PREPROCESS)(arrays["images"][:number])
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)


def session_run(model: Path, threads: int, images: Images, *, pattern: bool = True) -> Run:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_mem_pattern = pattern
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = create_session(model, device="cpu", options=options)
    feeds = {session.get_inputs()[0].name: images}
    return lambda: session.run(None, feeds)[0]


def rival_run(name: str, network: Any, steps: int, images: Images, threads: int) -> Run:
    import torch
    from spikingjelly_network import runner

    torch.set_num_threads(threads)
    return runner(network, steps, images, multi=RIVALS[name])


def rounds(runs: dict[str, Run], number: int) -> dict[str, Any]:
    """(Wall, CPU) seconds of each run in each round, the first left out."""
    both = turns(list(runs.values()), clock=lambda: np.array([time.perf_counter(), time.process_time()]))
    return dict(zip(runs, zip(*islice(both, number), strict=True), strict=True))


def resident(what: str) -> float:
    """MB that this process has now (`VmRSS`), or has had at most (`VmHWM`)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(what)), float("nan"))


def alone(name: str, model: Path, steps: int, batch: int, threads: int, *, pattern: bool) -> None:
    """Run one network in this process and print what memory that took.

    Not ru_maxrss: a child inherits its parent's. SpikingJelly is calibrated with a single small image: thresholds
    change nothing in what its network needs, but larger batches would already have grown this process.
    """
    images = np.random.default_rng(0).normal(size=(batch, 3, 32, 32)).astype(np.float32)
    if name in RIVALS:
        from spikingjelly_network import converted, source

        run = rival_run(name, converted(source(model), images[:1]), steps, images, threads)
    else:
        run = session_run(model, threads, images, pattern=pattern)
    before = resident("VmRSS")
    for _ in range(2):
        run()
    peak = resident("VmHWM")
    print(json.dumps({"peak_mb": peak, "grown_mb": peak - before}))


def memory(name: str, model: Path, steps: int, batch: int, threads: int, *, pattern: bool = True) -> dict[str, float]:
    numbers = {"--alone": name, "--model": model, "--steps": steps, "--batch": batch, "--threads": threads}
    command = [sys.executable, __file__, *(str(word) for pair in numbers.items() for word in pair)]
    command += [] if pattern else ["--no-pattern"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return result


def benchmark(arguments: argparse.Namespace, shared: Path, folder: Path) -> list[Result]:
    import onnx
    from spikingjelly_network import check, converted, source

    import snncc

    model = shared / "models" / "resnet20_cifar10.onnx"
    calibration = pictures(shared / "data" / "cifar10_calib.npz", CALIBRATION)
    ann = source(model)
    check(ann, session_run(model, arguments.threads, calibration[:8])(), calibration[:8])
    network = converted(ann, calibration)
    pattern = not arguments.no_pattern
    results = []
    for steps in arguments.steps:
        files = {name: folder / f"{form}{steps}.onnx" for name, form in FORMS.items()}
        for name, form in FORMS.items():
            coding = snncc.Rate(T=steps)
            onnx.save(snncc.convert(model, coding, calibration={"input": calibration}, form=form), files[name])
        for batch in arguments.batch:
            images = pictures(shared / "data" / "cifar10_test.npz", batch)
            expected = session_run(model, arguments.threads, images)().argmax(1)
            runs = {name: rival_run(name, network, steps, images, arguments.threads) for name in RIVALS}
            runs |= {
                name: session_run(file, arguments.threads, images, pattern=pattern) for name, file in files.items()
            }
            agreement = {name: float((run().argmax(1) == expected).mean()) for name, run in runs.items()}
            times = rounds(runs, arguments.rounds)
            base = times["SpikingJelly loop"]
            for name, taken in times.items():
                medians = [1e3 * median(column) / batch for column in zip(*taken, strict=True)]
                ratios = [median(t[i] / b[i] for t, b in zip(taken, base, strict=True)) for i in range(2)]
                needed = memory(name, files.get(name, model), steps, batch, arguments.threads, pattern=pattern)
                figures = [*medians, *ratios, needed["peak_mb"], needed["grown_mb"], agreement[name]]
                results.append(Result(steps, batch, name, *figures))
                show(results[-1].cells(), markdown=arguments.markdown)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of rate coding, against SpikingJelly.")
    parser.add_argument("--shared", type=Path, help="folder with models/ and data/ [$SNNCC_SHARED or ../shared]")
    parser.add_argument("--steps", type=int, nargs="+", default=[16, 32], metavar="T")
    parser.add_argument("--batch", type=int, nargs="+", default=[32], metavar="N")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-pattern", action="store_true", help="onnxruntime plans no memory ahead, see its options")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--alone", choices=(*RIVALS, *FORMS), help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.getLogger("snncc").setLevel(logging.ERROR)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch's threads; it is not imported yet
    if arguments.alone:
        numbers = (arguments.steps[0], arguments.batch[0], arguments.threads)
        alone(arguments.alone, arguments.model, *numbers, pattern=not arguments.no_pattern)
        return
    usual = os.environ.get("SNNCC_SHARED", Path(__file__).resolve().parents[3] / "shared")
    show(COLUMNS, markdown=arguments.markdown)
    if arguments.markdown:
        show(("---",) * len(COLUMNS), markdown=True)
    with tempfile.TemporaryDirectory() as folder:
        results = benchmark(arguments, arguments.shared or Path(usual), Path(folder))
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"\n{arguments.threads} threads, {arguments.rounds} rounds, onnxruntime {ort.__version__}; load {load}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n", encoding="utf-8")


def show(cells: tuple[str, ...], *, markdown: bool) -> None:
    line = f"| {' | '.join(cells)} |" if markdown else "  ".join(c.ljust(w) for c, w in zip(cells, WIDTHS, strict=True))
    print(line.rstrip(), flush=True)


if __name__ == "__main__":
    main()

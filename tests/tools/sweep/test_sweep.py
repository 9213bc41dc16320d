# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import os
import signal
import sqlite3
from itertools import product

import pytest

from snncc.errors import OptionError
from snncc.tools.sweep import read_plan, sweep
from snncc.tools.sweep.driver import Run
from snncc.tools.sweep.local_pool import LocalPool
from snncc.tools.sweep.pool import Pool, crash
from snncc.tools.sweep.store import Store
from snncc.tools.sweep.task import run_task

MODEL = '[[model]]\npath = "digits_cnn.onnx"\ndata = "test.npz"\n'
# 24 configurations of 3 shards
GRID = (
    "[sweep]\nshard = 16\nbatch = 8\n"
    + MODEL
    + """limit = 40
[[coding]]
name = "phase"
T = [8, 16]
Q = [1.2, 1.3, "auto"]
[[coding]]
name = "fs"
K = [4, 8, 10]
[[coding]]
name = "rate"
T = [4, 8]
[[coding]]
name = "msat"
T = 8
[convert]
weights = ["float", "int8"]
"""
)


class Here(Pool):
    """Runs tasks in this process; those whose place in the order is in `fails` crash."""

    size, threads = 3, 1

    def __init__(self, fails=()):
        self.tasks, self.fails, self.taken = [], fails, 0

    def submit(self, task):
        assert len(self.tasks) < self.size
        self.tasks.append(task)

    def next(self):
        task = self.tasks.pop()
        self.taken += 1
        return task, crash("on purpose") if self.taken - 1 in self.fails else run_task(task)

    def close(self):
        pass


@pytest.fixture
def here(monkeypatch):
    """Sweeps run in this process, in the pool that comes back."""

    def used(*fails):
        pool = Here(fails)
        monkeypatch.setattr("snncc.tools.sweep.driver._pool", lambda *_: pool)
        return pool

    return used


def write_grid(folder, text):
    path = folder / f"grid{abs(hash(text))}.toml"
    path.write_text(text)
    return path


FS = '[[coding]]\nname = "fs"\nK = 4\n'


def test_shards_of_any_size_give_the_same_table(digits, tmp_path, here):
    here()
    tables = []
    for size in (1, 7, 25):
        sizes = f"[sweep]\nbatch = 1\nshard = {size}\n"
        table = sweep(write_grid(digits, f"{sizes}{MODEL}limit = 25\n{FS}"), tmp_path / f"{size}.sqlite")
        tables.append([{k: v for k, v in r.items() if not k.startswith("shards")} for r in table.records()])
        assert table.rows[0].shards == -(-25 // size)
    assert tables[0] == tables[1] == tables[2]
    assert tables[0][0]["samples"] == 25


def test_options_of_the_conversion_span_a_grid(digits, tmp_path, here):
    here()
    few = f'[sweep]\nshard = 50\nbatch = 50\n{MODEL}calib = "train.npz"\nlimit = 50\n'
    options = '[convert]\nlevels = ["powers", "fitted"]\ntune = [false, true]\n'
    text = f'{few}[[coding]]\nname = "phase"\nT = 4\n{options}'
    records = sweep(write_grid(digits, text), tmp_path / "r.sqlite").records()
    assert [(r["levels"], r["tune"]) for r in records] == list(product(("powers", "fitted"), (False, True)))
    plain, tuned, fitted, _ = (r["output_error"] for r in records)
    assert tuned <= plain  # the base that suits T may be the best one
    assert fitted < plain


def test_thresholds_and_outputs_of_every_step_are_options_too(digits, tmp_path, here):
    here()
    few = f'[sweep]\nshard = 50\nbatch = 50\n{MODEL}calib = "train.npz"\nlimit = 50\n'
    options = "[convert]\nthreshold_scale = [0.2, 1]\nanytime = [false, true]\n"
    text = f'{few}[[coding]]\nname = "rate"\nT = 8\n{options}'
    records = sweep(write_grid(digits, text), tmp_path / "r.sqlite").records()
    assert [(r["threshold_scale"], r["anytime"]) for r in records] == list(product((0.2, 1), (False, True)))
    clipped, same, plain, also = (r["output_error"] for r in records)
    assert plain < clipped
    assert (same, also) == (clipped, plain)


def test_what_goes_wrong_is_in_the_table_and_the_others_go_on(digits, tmp_path, here):
    options = '[convert]\nnormalize = ["channel", "no"]\n'
    text = f'[sweep]\nshard = 50\nbatch = 50\n{MODEL}[[coding]]\nname = "fs"\nK = [0, 4]\n{options}'
    pool = here()
    table = sweep(write_grid(digits, text), tmp_path / "r.sqlite")
    assert [row.state for row in table.rows] == ["failed", "failed", "done", "failed"]
    assert "OptionError: K is 0" in table.rows[0].message
    assert "normalize" in table.rows[3].message
    assert pool.taken == 3 + 2  # what cannot be converted is tried for one shard only
    assert table.failed == 3
    assert table.complete
    again = here()
    assert sweep(write_grid(digits, text), tmp_path / "r.sqlite").records() == table.records()
    assert again.taken == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "r.sqlite"]


def test_crashes_are_tried_again_by_the_next_run(digits, tmp_path, here):
    path = write_grid(digits, f"[sweep]\nshard = 25\nbatch = 25\n{MODEL}{FS}")
    here(1, 2)
    first = sweep(path, tmp_path / "r.sqlite")
    assert [(row.state, row.done) for row in first.rows] == [("failed", 2)]
    assert "on purpose" in first.rows[0].message
    pool = here()
    assert sweep(path, tmp_path / "r.sqlite").rows[0].state == "done"
    assert pool.taken == 2


def test_half_written_models_of_a_killed_run_go(digits, tmp_path, here):
    plan = read_plan(write_grid(digits, MODEL + FS))
    here()
    (tmp_path / "r.sqlite.models").mkdir()
    (tmp_path / "r.sqlite.models" / ".snncc-abc.part").write_bytes(b"half")
    assert sweep(plan, tmp_path / "r.sqlite").rows[0].state == "done"
    assert list(tmp_path.iterdir()) == [tmp_path / "r.sqlite"]


def test_a_file_that_changes_in_the_middle_is_noticed(digits, tmp_path, here):
    here()
    (tmp_path / "digits_cnn.onnx").write_bytes((digits / "digits_cnn.onnx").read_bytes())
    (tmp_path / "test.npz").write_bytes((digits / "test.npz").read_bytes())
    plan = read_plan(write_grid(tmp_path, MODEL + FS))
    with (tmp_path / "test.npz").open("ab") as file:
        file.write(b"more")
    table = sweep(plan, tmp_path / "r.sqlite")
    assert "has changed" in table.rows[0].message


def test_csv_holds_every_digit(digits, tmp_path, here):
    here()
    table = sweep(write_grid(digits, MODEL + FS + '[[coding]]\nname = "rate"\nT = 4\n'), tmp_path / "r.sqlite")
    read = list(csv.DictReader(table.csv().decode().splitlines()))
    assert [row["K"] for row in read] == ["4", ""]
    assert [float(row["output_error"]) for row in read] == [row["output_error"] for row in table.records()]
    file = sqlite3.connect(tmp_path / "r.sqlite")
    stored = file.execute("SELECT K, T, output_error FROM result").fetchall()
    file.close()
    assert stored == [(row["K"], row["T"], row["output_error"]) for row in table.records()]


def test_parquet_holds_the_same(digits, tmp_path, here):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    here()
    text = f'{MODEL}[[coding]]\nname = "phase"\nT = 4\nQ = [1.5, "auto"]\n{FS}'
    table = sweep(write_grid(digits, text), tmp_path / "r.sqlite")
    (tmp_path / "r.parquet").write_bytes(table.parquet())
    records = [{**r, "Q": None if r["Q"] is None else str(r["Q"])} for r in table.records()]
    assert parquet.read_table(tmp_path / "r.parquet").to_pylist() == records


def test_jobs_share_the_cores():
    cores = LocalPool().size
    for jobs in (1, cores, cores + 1):
        pool = LocalPool(jobs)
        assert (pool.size, pool.threads) == (jobs, max(1, cores // jobs))
    with pytest.raises(OptionError, match="jobs is 0"):
        LocalPool(0)


def test_a_worker_that_dies_is_replaced_and_its_task_tried_once_more(digits, tmp_path):
    class Deadly(LocalPool):
        killed = 0

        def submit(self, task):
            super().submit(task)
            if task.start == 0 or (task.start == 25 and not self.killed):
                worker = next(w for w in self._workers if w.task is task)
                self.killed += task.start == 25
                os.kill(worker.process.pid, signal.SIGKILL)

    plan = read_plan(write_grid(digits, f"[sweep]\nshard = 25\nbatch = 25\n{MODEL}{FS}"))
    pool = Deadly(2)
    with Store(tmp_path / "r.sqlite") as store:
        run = Run(plan, store, tmp_path / "models")
        try:
            through = list(run.outcomes(pool))
        finally:
            pool.close()
        outcomes = store.outcomes()
    assert len(through) == 4
    states = {shard.start: outcome.state for shard, outcome in outcomes.items()}
    assert states == {0: "crashed", 25: "done", 50: "done", 75: "done"}
    assert "SIGKILL" in next(o.message for o in outcomes.values() if o.state == "crashed")
    assert pool.killed == 1


@pytest.fixture(scope="module")
def undisturbed(digits, tmp_path_factory):
    """The grid of 24 configurations, and the CSV of its table."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = write_grid(digits, GRID)
    plan = read_plan(path)
    assert (len(plan.configurations), len(plan)) == (24, 72)
    table = sweep(plan, folder / "r.sqlite", jobs=2)
    assert all(row.state == "done" for row in table.rows)
    return path, table.csv()


@pytest.mark.slow
def test_killed_and_resumed_gives_the_undisturbed_table(commands, undisturbed, tmp_path):
    path, expected = undisturbed
    command = commands(path, tmp_path / "r.sqlite", "--jobs", "2", "--csv", str(tmp_path / "r.csv"))
    first = command.kill_after(20, group=True)
    second = command.kill_after(45, group=False)  # the workers must end by themselves
    assert 20 <= first < 45 <= second < 72
    finished = command.run()
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "r.csv").read_bytes() == expected


@pytest.mark.slow
def test_interrupt_stops_cleanly(commands, undisturbed, tmp_path):
    path, expected = undisturbed
    command = commands(path, tmp_path / "r.sqlite", "--jobs", "2", "--csv", str(tmp_path / "r.csv"))
    assert command.kill_after(10, group=True, sent=signal.SIGINT) < 72
    assert command.run().returncode == 0
    assert (tmp_path / "r.csv").read_bytes() == expected


@pytest.mark.slow
def test_the_same_on_ray(ray, commands, undisturbed, tmp_path):
    from ray.cluster_utils import Cluster

    path, expected = undisturbed
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        options = ("--ray", cluster.address, "--csv", str(tmp_path / "r.csv"))
        command = commands(path, tmp_path / "r.sqlite", *options)
        assert command.kill_after(24, group=True) < 72
        finished = command.run()
        assert finished.returncode == 0, finished.stderr
    finally:
        cluster.shutdown()
    assert (tmp_path / "r.csv").read_bytes() == expected

"""Speed at scale: 10,000 cells, the scheduler's share of a cell, and what a second worker brings.

python -m tests.benchmarks.scaling cells      plan, merge, status and report of 10,000 cells: seconds and MiB
python -m tests.benchmarks.scaling overhead   milliseconds that a run adds to each cell
python -m tests.benchmarks.scaling workers    cells per hour with 1 and with 2 workers; needs a machine that is otherwise idle

Each prints a table with what is allowed, and ends with exit status 1 where more was taken. Without a word: the first two.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table

import methods
import noise
from bench.cells.cell import blank_record, do_job
from bench.commands.run import Records, load_data, run, training_sum
from bench.executors.place import Place
from bench.plan.cells import Entry, make_cells, make_jobs
from bench.plan.scores import METRICS
from bench.plan.settings import PRESETS, Settings
from bench.runs import store
from bench.runs.inputs import Run
from bench.runs.progress import Display
from bench.runs.record import read_plan, run_record
from tests.helpers.plans import planned

#: A network of a few parameters, on one image of a few pixels.
TINY = replace(
    PRESETS["quick"], channels=4, multipliers=(1, 2), steps=4, patches=2, patch=16, checks=1, crops=0,
    test_crop=16, test_images=1, validation_crop=32,
)  # fmt: skip
TINY_OPTIONS = [
    word
    for name, value in vars(TINY).items()
    if value != getattr(PRESETS["quick"], name)
    for word in ("--set", f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}")
]

#: How many cells a run of a large plan has, and what a command may take for it: seconds, MiB.
CELLS, SECONDS, MEMORY = 10_000, 60.0, 2048.0
#: Milliseconds that a run may add to a cell; cells per hour with 2 workers over those with 1.
OVERHEAD, SPEEDUP = 50.0, 1.8
#: Milliseconds of a look, of which there are two a second.
LOOK = 50.0

#: Seeds of the short and the long run whose difference is the time of a cell without the run's start and end.
SHORT, LONG = 2, 22

#: Of the trainings that are shared out among workers: half a minute each, a quarter of an hour in all. No two of the noise
#: models share one (6, 8 and 10 are trained as 5, 7 and 9).
STEPS, DISTINCT = 400, "1,2,3,4,5,7,9,11"

Row = tuple[str, str, str, bool]  # what was measured, the figure, what is allowed, whether it is kept


def settings_of(slugs: Sequence[str], seeds: int) -> Settings:
    """Tiny networks and images on all noise models."""
    return Settings(
        "quick", TINY, "best", "compute", "sample", seeds, "cpu", 1, tuple(map(methods.get, slugs)), noise.catalogue()
    )


def measure_cells(folder: Path) -> list[Row]:
    """Each command on a plan of so many cells, as a process: of two overlapping parts, and of what they were merged to."""
    every = tuple(slug for slug, method in methods.catalogue().items() if method.in_all or slug == "noisy")
    one_seed = sum(cell.applicability != "no" for cell in planned(settings_of(every, 1)))
    seeds = -(-CELLS // one_seed)
    half = len(every) // 2
    make_synthetic(folder / "one", settings_of(every[: half + 1], seeds), 1.0)
    make_synthetic(folder / "other", settings_of(("noisy", *every[half:]), seeds), 0.8)
    whole = ("--methods", ",".join(every), "--seeds", str(seeds), *TINY_OPTIONS)
    rows = []
    for name, arguments in (
        ("plan", ("run", "--dry-run", *whole, "--out", folder / "new")),
        ("merge", ("merge", folder / "one", folder / "other", "--out", folder / "merged")),
        ("status", ("status", folder / "merged")),
        ("report", ("report", folder / "merged")),
    ):
        seconds, processor, memory = measured(*arguments)
        kept = seconds <= SECONDS and memory <= MEMORY
        figure = f"{seconds:.1f} s ({processor:.1f} s of processor), {memory:.0f} MiB"
        rows.append((f"{name} of {one_seed * seeds} cells", figure, f"{SECONDS:.0f} s, {MEMORY:.0f} MiB", kept))
    return [*rows, measure_look(folder / "merged")]


def measure_look(directory: Path) -> Row:
    """What a run does twice a second: see which cells are new, and where the others stand."""
    cells = read_plan(directory)[1]
    records = Records(directory, cells)
    with Display(directory, cells, Console(file=io.StringIO())) as display:
        display.show(records.now)
        seconds = timed(lambda: [(records.update(), display.show(records.now)) for _ in range(10)]) / 10
    running = sum(cell.applicability != "no" for cell in cells)
    return f"a look at a run of {running} cells", f"{1000 * seconds:.0f} ms", f"{LOOK:.0f} ms", 1000 * seconds <= LOOK


def make_synthetic(directory: Path, settings: Settings, share: float) -> None:
    """A run directory in which this share of the cells is done, with made-up scores of four images."""
    data = load_data(settings)
    cells = planned(settings, training_sum(data))
    store.write_run(directory, run_record(settings, data, cells, "synthetic"))
    running = [cell for cell in cells if cell.applicability != "no"]
    sync, os.fsync = os.fsync, lambda descriptor: None  # thousands of waits for the disk, which are not measured
    try:
        for cell in running[: round(share * len(running))]:
            store.write_cell(directory, cell, made_up(cell))
    finally:
        os.fsync = sync


def made_up(cell: Entry) -> dict[str, Any]:
    """The record of a cell: its numbers are a function of the cell."""
    draw = np.random.default_rng([cell.noise_no, cell.seed, *map(ord, cell.method)])
    rows = [{"dataset": "sample", "image": f"i{i}", **dict.fromkeys(METRICS, float(draw.normal(28)))} for i in range(4)]
    curve = [[step, float(draw.normal())] for step in range(10)]
    training = {"key": cell.key, "reused": False, "seconds": 9.0, "steps": 400, "loss": curve, "validation": curve}
    outcome = {"status": "done", "seconds": 10.0, "denoise_seconds": 1.0, "rows": rows}
    return blank_record(cell) | outcome | {"training": training if cell.key else None}


def measured(*arguments: str | Path) -> tuple[float, float, float]:
    """Seconds, seconds of processor time, and MiB at most of `python -m bench` with these arguments."""
    clock = time.perf_counter()
    with tempfile.TemporaryFile("w+") as complaint:
        command = [sys.executable, "-m", "bench", *map(str, arguments)]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=complaint)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            complaint.seek(0)
            raise SystemExit(f"bench {arguments[0]} ended with {child.returncode}: {complaint.read()}")
    return time.perf_counter() - clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure_overhead(folder: Path) -> list[Row]:
    """The noisy input's cells on a tiny image, by a run with one worker and by a plain loop."""
    torch.set_num_threads(1)
    counts, seconds, processor = [], [], []
    for seeds in (SHORT, LONG):
        settings = settings_of(("noisy",), seeds)
        counts.append(len(planned(settings)))
        clock = time.process_time()
        seconds.append(timed(lambda settings=settings: quiet_run(settings, folder / f"run{settings.seeds}")))
        processor.append(time.process_time() - clock)
    cells = counts[1] - counts[0]
    scheduled, own = (seconds[1] - seconds[0]) / cells, 1000 * (processor[1] - processor[0]) / cells
    settings = settings_of(("noisy",), LONG)
    plain = Run(folder / "plain", settings, load_data(settings))
    jobs = make_jobs(make_cells(settings, ""))
    do_job(plain, jobs[0], lambda cell, doing, share: None)  # warm up
    alone = timed(lambda: [do_job(plain, job, lambda cell, doing, share: None) for job in jobs[1:]]) / (len(jobs) - 1)
    added = 1000 * (scheduled - alone)
    name = f"added to a cell that alone takes {1000 * alone:.0f} ms ({cells} cells)"
    return [
        (name, f"{added:.1f} ms", f"{OVERHEAD:.0f} ms", added <= OVERHEAD),
        ("processor time of the scheduler for a cell", f"{own:.1f} ms", f"{OVERHEAD:.0f} ms", own <= OVERHEAD),
    ]


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def quiet_run(settings: Settings, directory: Path) -> None:
    """A run with one worker, in this process."""
    if run(settings, directory, Place(), "overhead", Console(file=io.StringIO())):
        raise SystemExit(f"{directory}: not all cells were done")


def measure_workers(folder: Path) -> list[Row]:
    """Whole runs of equal trainings, as many for each worker, their start and report included."""
    rates = []
    for workers in (1, 2):
        options = ("--methods", "supervised", "--noise", DISTINCT, "--seeds", "2", "--set", f"steps={STEPS}")
        seconds, *_ = measured("run", *options, "--workers", str(workers), "--out", folder / f"workers{workers}")
        rates.append(3600 * 2 * 2 * len(DISTINCT.split(",")) / seconds)  # each with the noisy input's cell, of two seeds
    ratio = rates[1] / rates[0]
    return [
        ("cells per hour with 1 worker", f"{rates[0]:.0f}", "", True),
        ("cells per hour with 2 workers", f"{rates[1]:.0f} ({ratio:.2f} times)", f"{SPEEDUP} times", ratio >= SPEEDUP),
    ]


MEASUREMENTS = {"cells": measure_cells, "overhead": measure_overhead, "workers": measure_workers}


def main(words: Sequence[str]) -> int:
    """Measure what the words name; returns the exit status."""
    for word in words:
        if word not in MEASUREMENTS:
            raise SystemExit(f"{word!r}: expected {', '.join(MEASUREMENTS)}")
    table = Table("measured", "taken", "allowed", "", box=box.SIMPLE_HEAD)
    kept = True
    for word in words or ("cells", "overhead"):
        with tempfile.TemporaryDirectory() as folder:
            for name, figure, allowed, good in MEASUREMENTS[word](Path(folder)):
                table.add_row(name, figure, allowed, "" if good else "more than allowed")
                kept &= good
    Console().print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

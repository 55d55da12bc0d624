"""What the tests of clusters share: a run to be met at work, and its workers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.runs.lock import read_holder
from tests.helpers.harness import finish, tiny
from tests.helpers.victims import notes

#: Trainings long enough to be met at work.
ARGUMENTS = ("run", "--noise", "1", "--methods", "supervised,score-solver", *tiny("steps=80"))


def training(out: Path, wanted: Callable[[psutil.Process], bool] = lambda worker: True) -> psutil.Process:
    """The first worker that is seen to train, of those wanted."""
    limit = time.monotonic() + 240
    while time.monotonic() < limit:
        for note in notes(out):
            try:
                worker = psutil.Process(note["pid"])
                if note["phase"] == "training" and wanted(worker):
                    return worker
            except psutil.NoSuchProcess:  # it ended in this moment
                continue
        time.sleep(0.02)
    raise AssertionError(f"nothing trains in {out}")


def takes_over(process: subprocess.Popen[str], out: Path) -> float:
    """Wait until the command holds the run directory: the time of it. What trains before that may be of the run before."""
    limit = time.monotonic() + 240
    while time.monotonic() < limit and process.poll() is None:
        holder = read_holder(out)
        if holder is not None and holder.pid == process.pid:
            return time.time()
        time.sleep(0.02)
    raise AssertionError(f"the command does not hold {out}")


def ends(process: psutil.Process) -> bool:
    return not psutil.wait_procs([process], timeout=60)[1]


def assert_stops(process: subprocess.Popen[str], number: int, worker: psutil.Process) -> None:
    """On that signal the command ends as one that was interrupted, and its worker with it."""
    process.send_signal(number)
    status, _, error = finish(process)
    assert status == 130 and "the same command goes on from there" in error
    assert ends(worker)

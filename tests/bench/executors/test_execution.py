"""Jobs in processes that die, hang, raise and fill the disk: each costs its own cell, and nothing else."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

import methods
import noise
import reports
from bench.commands.run import publish
from bench.executors.execution import Interrupted, execute
from bench.executors.worker import progress_path
from bench.files.json_files import write_json
from bench.plan.cells import Cell, Entry, Job
from bench.runs import store
from bench.runs.inputs import Run


class Died(Exception):
    """Stands for the death of a worker; `outside`: it was killed."""

    def __init__(self, outside: bool) -> None:
        self.outside = outside


class Threads:
    """An executor whose workers are threads that do what a script says of each cell."""

    def __init__(self, run: Run, script: Callable[[Cell, int], object]) -> None:
        self.width, self.run, self.script = 2, run, script
        self.pool, self.begun, self.killed, self.ended = ThreadPoolExecutor(2), list[str](), set[Future[None]](), ""

    def submit(self, job: Job) -> Future[None]:
        return self.pool.submit(self._work, job)

    def _work(self, job: Job) -> None:
        for cell in job.cells:
            if store.read_cell(self.run.directory, cell.entry) is None:
                self.begun.append(cell.name)
                write_json(progress_path(self.run, job), {"cell": cell.name, "begun": time.time()})
                self.script(cell, self.begun.count(cell.name))
                store.write_cell(self.run.directory, cell.entry, record(cell.entry, status="done"))
        progress_path(self.run, job).unlink(missing_ok=True)

    def kill(self, future: Future[None]) -> None:
        self.killed.add(future)

    def death(self, error: BaseException) -> tuple[str, bool] | None:
        return ("the worker died", error.outside) if isinstance(error, Died) else None

    def close(self) -> None:
        self.ended += "closed"
        self.pool.shutdown()

    def stop(self) -> None:
        self.ended += "stopped"
        self.pool.shutdown(cancel_futures=True)


def record(cell: Entry, **more: object) -> dict[str, object]:
    return {"noise": cell.noise, "method": cell.method, "seed": cell.seed, **more}


def cells(job: str, count: int) -> Job:
    entries = (Entry(1, "gaussian", f"{job}{number}", 0, "yes", "", job, False) for number in range(count))
    return Job(tuple(Cell(entry, noise.get(1), methods.get("noisy")) for entry in entries))


@pytest.fixture
def run(make_run: Callable[..., Run], tmp_path: Path) -> Run:
    return dataclasses.replace(make_run(), directory=tmp_path / "run")


JOBS = (cells("a", 3), cells("b", 1), cells("c", 2))
NAMES = ["a0", "a1", "a2", "b0", "c0", "c1"]


def outcome(run: Run) -> dict[str, tuple[str, str | None]]:
    found = {}
    for job in JOBS:
        for cell in job.cells:
            told = store.read_cell(run.directory, cell.entry)
            found[cell.entry.method] = (str(told["status"]), told.get("message")) if told else ("pending", None)
    return found


def go(run: Run, script: Callable[[Cell, int], object] = lambda cell, time: None, **options: float) -> Threads:
    executor = Threads(run, script)
    execute(run, JOBS, lambda: executor, lambda: None, **options)
    return executor


def test_all_is_done_once(run: Run) -> None:
    executor = go(run)
    assert outcome(run) == dict.fromkeys(NAMES, ("done", None))
    assert sorted(executor.begun) == sorted(f"01-gaussian--{name}--s0" for name in NAMES)
    assert executor.ended == "closed" and not list((run.directory / "progress").glob("*"))


def test_nothing_to_do_starts_nothing(run: Run) -> None:
    execute(run, [], lambda: pytest.fail("started"), lambda: None)


def test_a_worker_that_dies_of_itself_takes_its_cell_along(run: Run) -> None:
    def script(cell: Cell, time: int) -> None:
        if cell.entry.method in ("a1", "b0"):
            raise Died(outside=False)

    executor = go(run, script)
    expected = dict.fromkeys(NAMES, ("done", None)) | dict.fromkeys(("a1", "b0"), ("failed", "the worker died"))
    assert outcome(run) == expected
    assert len(executor.begun) == 6  # a0 was not done again, a1 not tried again


@pytest.mark.parametrize(("deaths", "expected"), [(1, ("done", None)), (2, ("failed", "the worker died"))])
def test_a_worker_that_was_killed_is_followed_by_another_once(run: Run, deaths: int, expected: tuple[str, str]) -> None:
    def script(cell: Cell, time: int) -> None:
        if cell.entry.method == "a1" and time <= deaths:
            raise Died(outside=True)

    executor = go(run, script)
    assert outcome(run) == dict.fromkeys(NAMES, ("done", None)) | {"a1": expected}
    assert executor.begun.count("01-gaussian--a1--s0") == 2 and executor.begun.count("01-gaussian--a0--s0") == 1


def test_a_cell_that_takes_too_long_is_given_up(run: Run) -> None:
    executor: Threads

    def script(cell: Cell, times: int) -> None:
        while cell.entry.method == "a1" and not executor.killed:
            time.sleep(0.01)
        if cell.entry.method == "a1":
            raise Died(outside=True)

    executor = Threads(run, script)
    execute(run, JOBS, lambda: executor, lambda: None, cell_timeout=0.3)
    assert outcome(run) == dict.fromkeys(NAMES, ("done", None)) | {"a1": ("timeout", "stopped after 0.3 s (--cell-timeout)")}


def test_a_fault_outside_of_any_cell_is_recorded_with_its_traceback(run: Run) -> None:
    def script(cell: Cell, time: int) -> None:
        if cell.entry.method == "a1":
            raise LookupError("no such\nthing")

    go(run, script)
    found = outcome(run)
    assert found["a0"] == ("done", None) and found["c1"] == ("done", None)
    assert found["a1"] == found["a2"] == ("failed", "LookupError: no such thing")
    assert "Traceback" in (store.read_cell(run.directory, JOBS[0].cells[1].entry) or {})["traceback"]


def test_a_full_disk_ends_the_run_and_blames_no_cell(run: Run) -> None:
    def script(cell: Cell, time: int) -> None:
        if cell.entry.method == "a1":
            raise OSError(errno.ENOSPC, "No space left on device")

    executor = Threads(run, script)
    with pytest.raises(OSError, match="No space"):
        execute(run, JOBS, lambda: executor, lambda: None)
    assert executor.ended == "stopped" and outcome(run)["a1"] == ("pending", None)


@pytest.mark.slow(2)
def test_the_budget_ends_the_run(run: Run) -> None:
    executor = Threads(run, lambda cell, times: time.sleep(0.6))
    with pytest.raises(Interrupted, match="budget"):
        execute(run, JOBS, lambda: executor, lambda: None, deadline=time.monotonic() + 0.3)
    statuses = {status for status, _ in outcome(run).values()}
    assert executor.ended == "stopped" and statuses == {"done", "pending"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_handlers_come_back(run: Run, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    executor = Threads(run, lambda cell, times: time.sleep(0.05))
    with pytest.raises(Interrupted, match=number.name):
        execute(run, JOBS, lambda: executor, lambda: os.kill(os.getpid(), number))
    assert executor.ended == "stopped" and signal.getsignal(number) is before


def test_a_signal_while_the_report_is_written_ends_the_run_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "write", lambda directory: os.kill(os.getpid(), signal.SIGTERM))
    executor = Threads(run, lambda cell, times: time.sleep(0.05))
    cells = [cell.entry for job in JOBS for cell in job.cells]
    with pytest.raises(Interrupted, match="SIGTERM"):
        execute(run, JOBS, lambda: executor, lambda: publish(run.directory, cells, [None] * len(cells), Console(quiet=True)))
    assert executor.ended == "stopped"

"""The `run` command: plan, check, execute, keep the table and the report up to date."""

from __future__ import annotations

import shlex
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

import reports
from bench.errors import UsageError, one_line
from bench.executors.execution import execute
from bench.executors.needs import fitted
from bench.executors.place import Place, start
from bench.plan.cells import Cell, Entry, count_trainings, make_cells, make_jobs
from bench.plan.settings import Settings
from bench.process.interrupts import check, held_back, let_through
from bench.runs import progress, store
from bench.runs.directory import forget, open_directory, sweep, tidy
from bench.runs.inputs import Run, load_data, settled, training_sum
from bench.runs.lock import in_use
from bench.runs.notes import cautions, estimates
from bench.runs.origin import set_aside_changed
from bench.runs.record import run_record

#: Seconds of the budget that are kept for the end of the workers and for the last table and report, and for each cell in these.
#: (10,000 cells take 10 s on two cores.)
RESERVE, RESERVE_CELL = 15.0, 0.004

#: Least seconds between two renderings of the report, and the share of the time that they may take: it is taken from the
#: workers, whose next job waits meanwhile.
REFRESH, RENDERING = 20.0, 0.02


def run(
    settings: Settings,
    directory: Path,
    place: Place,
    command: str,
    console: Console,
    retry: Sequence[str] = (),
    budget: float | None = None,
    cell_timeout: float | None = None,
) -> int:
    """Do every cell that has no record yet; returns the exit status (0, or 1 where a cell failed).

    Parameters
    ----------
    place : Place
        Where to do them, and how many at a time.
    retry : sequence of str
        Statuses of cells to do again.
    budget : float or None
        Seconds after which to have stopped; trainings go on from their last checkpoints when the run does.
    cell_timeout : float or None
        Seconds after which a cell is given up, and recorded as timeout.

    Raises
    ------
    UsageError
        Before any work, for data or a directory that cannot be used.
    Interrupted
        On SIGINT, SIGTERM and the end of the budget; everything finished is stored, and the same command goes on from there.
    """
    began = time.monotonic()
    data = load_data(settings)
    settings = settled(settings, data)
    for sentence in [*cautions(data), *estimates(settings)]:
        console.print(sentence, soft_wrap=True)
    cells = make_cells(settings, training_sum(data))
    entries = [cell.entry for cell in cells]
    place, shortage = fitted(place, settings, data)
    deadline = None if budget is None else began + budget - reserve(budget, len(cells))
    with in_use(directory), held_back():
        if shortage:
            console.print(shortage, soft_wrap=True)
        begun = Run(directory, settings, data)
        begin(begun, cells, command, console)
        forget(directory, entries, retry)
        return _do(begun, cells, place, console, deadline, cell_timeout)


def begin(run: Run, cells: Sequence[Cell], command: str, console: Console) -> None:
    """Begin in the run directory, which is held, or go on there, and say what in it could not be trusted.

    Raises UsageError where it holds something else, or cannot be used.
    """
    entries = [cell.entry for cell in cells]
    record = run_record(run.settings, run.data, entries, command)
    sentences = open_directory(run.directory, record, run.settings, entries)
    for sentence in [*sentences, *tidy(run.directory, entries), *set_aside_changed(run.directory, cells)]:
        console.print(sentence, soft_wrap=True)


def reserve(budget: float, cells: int) -> float:
    """Seconds of a budget that are kept for its end: more for many cells, never most of a small budget."""
    return min(RESERVE, budget / 10) + min(RESERVE_CELL * cells, budget / 4)


def _do(
    run: Run,
    cells: Sequence[Cell],
    place: Place,
    console: Console,
    deadline: float | None,
    cell_timeout: float | None,
) -> int:
    """Do what is left of the cells, and keep the table and the report up to date; returns the exit status."""
    directory, settings = run.directory, run.settings
    jobs, entries = make_jobs(cells), [cell.entry for cell in cells]
    records = Records(directory, entries)
    todo = [job for job in jobs if any(records.now[cell.name] is None for cell in job.cells)]
    console.print(
        f"{len(cells)} cells, {count_trainings(entries)} trainings; {len(jobs) - len(todo)} of {len(jobs)} jobs were done "
        f"before. {place.words(settings)}. "
        f"Results in {directory}",
        soft_wrap=True,
    )  # fmt: skip
    refreshed = spent = 0.0
    place_held, written = _identity(directory), False
    with progress.Display(directory, entries, console) as display:

        def look() -> None:
            nonlocal refreshed, spent
            if _identity(directory) != place_held:
                raise UsageError(
                    f"{directory}: was moved or removed while the run worked in it: expected it to stay where it is"
                )
            changed = records.update()
            display.show(records.now)
            if changed and time.monotonic() - refreshed > max(REFRESH, spent / RENDERING):
                began = time.monotonic()
                with let_through():  # it is written again at the end
                    publish(directory, entries, records.in_order(), console)
                refreshed = time.monotonic()
                spent = refreshed - began

        try:
            look()
            execute(run, todo, lambda: start(place, run, todo), look, deadline, cell_timeout)
        finally:
            if _identity(directory) == place_held:
                records.update()
                written = publish(directory, entries, records.in_order(), console)
                sweep(directory)
    check()
    failed = [entry.name for entry in entries if store.status_of(entry, records.now[entry.name]) in ("failed", "timeout")]
    for name in failed:
        record = records.now[name] or {}
        console.print(f"{name}: {record.get('status')}: {record.get('message')}", soft_wrap=True)
    unscored = [name for name, record in records.now.items() if progress.unscored(record)]
    for name in unscored:
        console.print(f"{name}: done, and none of its results is finite", soft_wrap=True)
    if warned := {name: record["warnings"] for name, record in records.now.items() if record and record.get("warnings")}:
        name, told = next(iter(warned.items()))
        more = f"; the report tells of those of {len(warned)} cells" if len(warned) > 1 else ""
        console.print(f"{name}: warning: {one_line(told[0]).removesuffix('.')}{more}", soft_wrap=True)
    if failed:
        console.print("The same command with --retry failed,timeout does these cells again.", soft_wrap=True)
    if not written:
        console.print(
            f"no report was written; python -m bench report {shlex.quote(str(directory))} tries again", soft_wrap=True
        )
        return 1
    for name in sorted(records.left):
        console.print(f"{name}: no result was stored, and no fault was met: the same command tries again", soft_wrap=True)
    console.print(f"{directory / 'report.html'}", soft_wrap=True)
    return 1 if failed or unscored or records.left else 0


def _identity(directory: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of its name."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Records:
    """The cells' records, read as they appear."""

    def __init__(self, directory: Path, entries: Sequence[Entry]) -> None:
        self.directory = directory
        self.now: dict[str, dict[str, Any] | None] = dict.fromkeys((entry.name for entry in entries), None)
        self._entries = {entry.name: entry for entry in entries}
        self.left = {entry.name for entry in entries if entry.applicability != "no"}
        self.update()

    def update(self) -> bool:
        """Read what is new; whether anything was. Costs one look at the folder where nothing is."""
        changed = False
        for name in self.left & store.cell_names(self.directory):
            record = store.read_cell(self.directory, self._entries[name])
            if record is not None:
                self.now[name] = record
                self.left.discard(name)
                changed = True
        return changed

    def in_order(self) -> list[dict[str, Any] | None]:
        return list(self.now.values())


def publish(directory: Path, entries: Sequence[Entry], records: Sequence[dict[str, Any] | None], console: Console) -> bool:
    """Bring results.parquet, results.csv and report.html up to date; whether the report was written.

    A fault of the report does not stop a run, but the run must not end as if there were one.
    """
    store.write_table(directory, store.table(entries, records))
    try:
        reports.write(directory)
    except Exception:
        console.print(f"the report could not be written:\n{traceback.format_exc()}", soft_wrap=True)
        return False
    return True

"""Having jobs done by an executor: whatever befalls a worker costs its cell, and nothing else."""

from __future__ import annotations

import errno
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import Any, Protocol

from bench.cells.cell import blank_record, failure
from bench.errors import UsageError
from bench.executors.worker import progress_path
from bench.files.json_files import read_json
from bench.plan.cells import Cell, Job
from bench.process.interrupts import Interrupted, check, heeded, held_back, let_through
from bench.runs import store
from bench.runs.inputs import Run
from bench.runs.origin import made_of
from bench.training.patches import shared_name
from bench.training.shared_images import folder_of, remove_unneeded

#: Seconds between looks at the workers.
POLL = 0.5

#: How often a cell is begun in all whose worker was ended from outside (by the system for want of memory, by a person).
TRIES = 2


class Executor(Protocol):
    """Where jobs are done. `close` (after the last job) and `stop` (at once) return when no worker is left.

    `width` jobs are done at a time; twice as many are submitted. `kill` ends the worker of a job; `death` says, of the
    exception that a future ended with, how its worker died and whether that came from outside, or None where the job itself
    raised it.
    """

    width: int

    def submit(self, job: Job) -> Future[None]: ...
    def kill(self, future: Future[None]) -> None: ...
    def death(self, error: BaseException) -> tuple[str, bool] | None: ...
    def close(self) -> None: ...
    def stop(self) -> None: ...


def execute(
    run: Run,
    jobs: Sequence[Job],
    start: Callable[[], Executor],
    look: Callable[[], None],
    deadline: float | None = None,
    cell_timeout: float | None = None,
) -> None:
    """Do the jobs; call `look` twice a second meanwhile.

    A worker that dies, or takes too long, costs the cell that it had in hand: that one is recorded, and the others of its job
    are begun again, with the network where it is trained already and from its checkpoint where it is not.

    Parameters
    ----------
    start : callable
        Starts the executor.
    deadline : float or None
        In `time.monotonic()`; what still runs then is stopped.
    cell_timeout : float or None
        Seconds that a cell may take.

    Raises
    ------
    Interrupted
        On SIGINT, SIGTERM, and at the deadline if jobs are left, after the workers have been stopped.
    OSError
        Where a worker found the disk full.
    UsageError
        Where the executor cannot do jobs as asked.
    """
    if not jobs:
        return
    with heeded(), held_back():  # what starts and ends workers is not to be broken off in the middle
        with let_through():  # a cluster may take its time
            executor = start()
        try:
            _work_off(run, executor, jobs, look, deadline, cell_timeout)
        except BaseException:
            executor.stop()
            raise
        executor.close()


def _work_off(
    run: Run,
    executor: Executor,
    jobs: Sequence[Job],
    look: Callable[[], None],
    deadline: float | None,
    cell_timeout: float | None,
) -> None:
    queue = deque(jobs)
    running: dict[Future[None], Job] = {}
    overdue: set[Future[None]] = set()
    tries: Counter[str] = Counter()
    looked = -POLL
    while queue or running:
        while queue and len(running) < 2 * executor.width:  # so that no worker waits for the next look
            job = queue.popleft()
            running[executor.submit(job)] = job
        ended = wait(running, timeout=POLL, return_when=FIRST_COMPLETED).done
        check()  # first: what asked us to stop may have ended workers, too, which is no fault of their cells
        for future in ended:
            job = running.pop(future)
            queue.extendleft(_settle(run, executor, job, future, future in overdue, tries, cell_timeout))
            _free(run, [*queue, *running.values()])
        if deadline is not None and time.monotonic() > deadline and (queue or running):
            raise Interrupted("the budget is spent")
        if cell_timeout is not None:
            for future, job in running.items():
                if future not in overdue and _elapsed(run, job) > cell_timeout:
                    overdue.add(future)
                    executor.kill(future)
        if time.monotonic() - looked >= POLL:  # not after each of many short cells
            look()
            looked = time.monotonic()
    look()
    check()


def _settle(
    run: Run, executor: Executor, job: Job, future: Future[None], late: bool, tries: Counter[str], timeout: float | None
) -> list[Job]:
    """Record what no worker could, its own end; returns what is left to do of the job."""
    error = CancelledError() if future.cancelled() else future.exception()
    left = [cell for cell in job.cells if store.read_cell(run.directory, cell.entry) is None]
    if error is None or not left:
        return []
    note = read_json(progress_path(run, job)) or {}
    progress_path(run, job).unlink(missing_ok=True)
    cell = next((cell for cell in left if cell.name == note.get("cell")), left[0])
    others = [other for other in left if other is not cell]
    death = executor.death(error)
    if late:
        _record(run, cell, {"status": "timeout", "message": f"stopped after {timeout:g} s (--cell-timeout)"})
    elif death is not None:
        message, outside = death
        tries[cell.name] += 1
        if outside and tries[cell.name] < TRIES:
            others = left
        else:
            _record(run, cell, {"message": message})
    elif isinstance(error, UsageError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        raise error  # no fault of the cell: the place where it was to be done
    else:  # a fault outside of any cell would meet the others, too
        for cell in left:
            _record(run, cell, failure(error))
        others = []
    return [Job(tuple(others))] if others else []


def _free(run: Run, left: Sequence[Job]) -> None:
    """Remove the shared training images that no job will want any more."""
    cells = [cell for job in left for cell in job.cells if cell.key]
    names = {shared_name(cell.model, cell.seen, cell.seed) for cell in cells}
    remove_unneeded(folder_of(run.directory), names | {f"{kind}--{name}" for kind in ("clean", "second") for name in names})


def _record(run: Run, cell: Cell, outcome: dict[str, Any]) -> None:
    store.write_cell(run.directory, cell.entry, blank_record(cell.entry) | {"made_of": made_of(cell)} | outcome)


def _elapsed(run: Run, job: Job) -> float:
    """Seconds since the job's present cell was begun."""
    begun = (read_json(progress_path(run, job)) or {}).get("begun")
    return time.time() - begun if isinstance(begun, (int, float)) else 0.0

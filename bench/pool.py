"""Local workers: a process pool in which the death of a worker costs only its job."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import Any

import torch
from pebble import ProcessExpired, ProcessPool

from bench import store
from bench.cell import blank_record, do_job, failure
from bench.denoising import Run
from bench.plan import Cell, Job

#: Seconds between looks at the workers.
POLL = 0.5

_run: Run  # of this worker process
_parent = 0


class Interrupted(Exception):
    """The run was asked to stop: by the user, the system, or its budget of time."""


def execute(run: Run, jobs: Sequence[Job], workers: int, look: Callable[[], None], deadline: float | None = None) -> None:
    """Do the jobs in worker processes; call `look` twice a second meanwhile.

    A worker that dies takes its job's unfinished cells along, which are recorded as failed.

    Parameters
    ----------
    deadline : float or None
        In `time.monotonic()`. No job is begun that would not end before, going by the longest so far, and any that
        still runs then is stopped.

    Raises
    ------
    Interrupted
        On SIGINT, SIGTERM, and at the deadline if jobs are left, after the workers have been stopped.
    """
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    with _signals_raise(), _single_threaded_start(run.settings.threads):
        pool = ProcessPool(
            max_workers=min(workers, len(jobs)), context=context, initializer=_start, initargs=(run, os.getpid())
        )
        try:
            _work_off(run, pool, jobs, workers, look, deadline)
            pool.close()
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.join()


def _work_off(
    run: Run, pool: ProcessPool, jobs: Sequence[Job], workers: int, look: Callable[[], None], deadline: float | None
) -> None:
    """Hand the jobs to the pool, all at once or (with a deadline) as workers become free, and wait for them."""
    queue = deque(jobs)
    running: dict[Future[None], tuple[Job, float]] = {}
    longest = 0.0
    while queue or running:
        now = time.monotonic()
        while queue and (deadline is None or (len(running) < workers and now + longest < deadline)):
            job = queue.popleft()
            running[pool.schedule(_work, args=(job,))] = job, now
        if deadline is not None and (not running or now > deadline):
            raise Interrupted("the budget is spent")
        for future in wait(running, timeout=POLL, return_when=FIRST_COMPLETED).done:
            job, begun = running.pop(future)
            longest = max(longest, time.monotonic() - begun)
            _settle(run, job, future)
        look()


def _settle(run: Run, job: Job, future: Future[None]) -> None:
    """Record what no worker could: its own death, and faults outside of any cell."""
    error = future.exception()
    if error is None:
        return
    outcome = failure(error)
    if isinstance(error, ProcessExpired):
        outcome |= {"message": f"the worker died with exit code {error.exitcode}", "traceback": None}
    for cell in job.cells:
        if store.read_cell(run.directory, cell) is None:
            store.write_json(store.cell_path(run.directory, cell), blank_record(cell) | outcome)


@contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise Interrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _single_threaded_start(threads: int) -> Iterator[None]:
    """Libraries that size their thread pools on import read these; workers inherit them."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start(run: Run, parent: int) -> None:
    """Prepare a worker process."""
    global _run, _parent
    _run, _parent = run, parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    torch.set_num_threads(run.settings.threads)
    if run.settings.device == "cpu":
        torch.set_flush_denormal(True)  # decayed moments of AdamW become denormal numbers, which CPUs handle slowly


def _work(job: Job) -> None:
    path = _run.directory / "progress" / f"{job.name}.json"
    last = 0.0

    def report(cell: Cell, phase: str, share: float) -> None:
        nonlocal last
        if os.getppid() != _parent:
            os._exit(1)  # the run was killed: an orphan must not go on beside its successor
        if time.monotonic() - last > POLL:
            last = time.monotonic()
            store.write_json(path, {"cell": cell.name, "phase": phase, "share": share, "pid": os.getpid()})

    try:
        do_job(_run, job, report)
    finally:
        path.unlink(missing_ok=True)

"""The local executor: worker processes of this machine in maintained pools, where the death of one costs only its cell."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import resource_tracker
from queue import SimpleQueue
from typing import Any

import psutil
from pebble import ProcessExpired, ProcessPool

from bench.executors import gpus, worker
from bench.files.json_files import read_json
from bench.plan.cells import Job
from bench.process import streams
from bench.runs.inputs import Run

#: Seconds that a worker may take to begin: to import what it needs, on a busy machine, too.
PATIENCE = 60.0

#: Signals by which the system or a person ends a process; others are the process's own fault.
_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)

#: What a terminal sends to every process: for an interrupt, and at its own end.
_FROM_TERMINAL = {signal.SIGINT, signal.SIGHUP}


@dataclass(frozen=True)
class _Seat:
    """Room for one worker: its GPU, if it has one of its own, and its pool, once it has been started."""

    gpu: str | None
    pool: ProcessPool | None = None


class Local:
    """Jobs in `workers` processes, each in a pool of its own, with a GPU of its own or a share of one.

    Implements `bench.executors.execution.Executor`.

    In one pool for all, a worker that is killed before it has taken a job, or while it holds the pool's lock, would break the
    pool for the others. So a pool whose worker died is replaced, and nobody shares anything with it.
    """

    def __init__(self, run: Run, workers: int, gpu_share: float = 1.0) -> None:
        self.width = workers
        run = dataclasses.replace(run, directory=run.directory.absolute())  # a method may leave the working directory
        self._run, self._share, self._memory = run, gpu_share, psutil.virtual_memory().available // workers
        _start_tracker()
        self._threads = ThreadPoolExecutor(workers, initializer=_deafen)  # each waits for one worker
        found = gpus.visible_gpus() if run.settings.device == "cuda" else []
        self._idle: SimpleQueue[_Seat] = SimpleQueue()
        for gpu in gpus.dealt_out(found, workers):
            self._idle.put(_Seat(gpu))
        self._jobs: dict[Future[None], Job] = {}
        self._inside: dict[Job, Future[None]] = {}
        self._stopping = False
        self._environment = ExitStack()
        self._environment.enter_context(worker.environment(worker.variables_of(run.settings.threads)))

    def submit(self, job: Job) -> Future[None]:
        future = self._threads.submit(self._do, job)
        self._jobs[future] = job
        return future

    def _do(self, job: Job) -> None:
        """Have the job done by an idle worker, or a new one."""
        seat = self._idle.get()
        try:
            if seat.pool is None or not seat.pool.active:  # its worker may have been killed between two jobs
                seat = self._renewed(seat)
            assert seat.pool is not None
            future = self._inside[job] = seat.pool.schedule(
                worker.work_here, args=(self._run.directory, self._run.settings, job)
            )
            if self._stopping:
                future.cancel()
            limit, gone = time.monotonic() + PATIENCE, False
            while not future.done():
                wait([future], timeout=1)
                late = not future.running() and time.monotonic() > limit
                if not future.done() and (late or not seat.pool.active):
                    raise BrokenProcessPool
                before, gone = gone, self._is_gone(job)
                if not future.done() and before and gone:  # pebble waits for ever for a worker that ended with exit code 0
                    raise ProcessExpired("a worker's end", code=0)
            future.result()
        except BaseException:
            seat = self._renewed(seat)
            raise
        finally:
            self._inside.pop(job, None)
            self._idle.put(seat)

    def _is_gone(self, job: Job) -> bool:
        """Whether the process is no more that has told of its work on the job."""
        pid = (read_json(worker.progress_path(self._run, job)) or {}).get("pid")
        return isinstance(pid, int) and not psutil.pid_exists(pid)

    def _renewed(self, seat: _Seat) -> _Seat:
        """The seat with a new pool, whose worker starts with its first job, after the end of the old one's."""
        _end([seat])
        pool = ProcessPool(
            max_workers=1,
            context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._run.settings, os.getpid(), self._memory, None, seat.gpu, self._share),
        )
        return _Seat(seat.gpu, pool)

    def kill(self, future: Future[None]) -> None:
        inside = self._inside.get(self._jobs[future])
        if inside is not None:
            inside.cancel()  # whereupon the worker is killed with its pool

    def death(self, error: BaseException) -> tuple[str, bool] | None:
        if isinstance(error, BrokenProcessPool):
            return "the worker died before it had begun", True
        if not isinstance(error, ProcessExpired):
            return None
        code = -signal.SIGTERM if error.exitcode == signal.SIGTERM else error.exitcode  # on which pebble's workers exit with it
        if code is not None and code < 0:
            return f"the worker was killed by {signal.Signals(-code).name}", -code in _OUTSIDE
        return f"the worker died with exit code {code}", False

    def close(self) -> None:
        try:
            self._threads.shutdown()
            _end([self._idle.get() for _ in range(self.width)])
        finally:
            self._environment.close()

    def stop(self) -> None:
        self._stopping = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for inside in list(self._inside.values()):
            inside.cancel()
        self.close()


def _deafen() -> None:
    """Block what a terminal sends to all processes, in this thread and those it starts: workers would die of it importing."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_TERMINAL)


def _start_tracker() -> None:
    """Start multiprocessing's own process: to do so with the first worker would undo what `_deafen` does."""
    if hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_TERMINAL)
        try:
            resource_tracker.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(*arguments: Any) -> None:
    """Prepare a worker: what a method prints must not fail for want of a reader."""
    streams.make_lasting()
    worker.start(*arguments)


def _end(seats: Sequence[_Seat]) -> None:
    """End the seats' workers, at once."""
    there = [seat.pool for seat in seats if seat.pool is not None]
    for pool in there:
        pool.stop()
    for pool in there:
        pool.join()

"""The local executor: worker processes of this machine in a maintained pool, where the death of one costs only its cell."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager

import psutil
from pebble import ProcessExpired, ProcessPool

from bench import worker
from bench.denoising import Run
from bench.plan import Job

#: Signals by which the system or a person ends a process; others are the process's own fault.
_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


class Local:
    """Jobs in `workers` processes. Implements `bench.execution.Executor`."""

    def __init__(self, run: Run, workers: int) -> None:
        self.width = workers
        self._pool = ProcessPool(
            max_workers=workers,
            context=multiprocessing.get_context("spawn"),
            initializer=worker.start,
            initargs=(run, os.getpid(), psutil.virtual_memory().available // workers),
        )
        self._environment = ExitStack()
        self._environment.enter_context(_threads_of_libraries(run.settings.threads))

    def submit(self, job: Job) -> Future[None]:
        return self._pool.schedule(worker.work, args=(job,))

    def kill(self, future: Future[None]) -> None:
        future.cancel()  # in pebble's pools this kills the worker

    def death(self, error: BaseException) -> tuple[str, bool] | None:
        if not isinstance(error, ProcessExpired):
            return None
        code = error.exitcode
        if code is not None and code < 0:
            return f"the worker was killed by {signal.Signals(-code).name}", -code in _OUTSIDE
        return f"the worker died with exit code {code}", False

    def close(self) -> None:
        self._pool.close()
        self._end()

    def stop(self) -> None:
        self._pool.stop()
        self._end()

    def _end(self) -> None:
        try:
            self._pool.join()
        finally:
            self._environment.close()


@contextmanager
def _threads_of_libraries(threads: int) -> Iterator[None]:
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

"""The local executor: worker processes of this machine in a maintained pool, where the death of one costs only its cell."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import psutil
from pebble import ProcessExpired, ProcessPool

from bench import gpus, worker
from bench.denoising import Run
from bench.plan import Job

#: Signals by which the system or a person ends a process; others are the process's own fault.
_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


class Local:
    """Jobs in `workers` processes, each with a GPU of its own or its share of one. Implements `bench.execution.Executor`."""

    def __init__(self, run: Run, workers: int, gpu_share: float = 1.0) -> None:
        self.width = workers
        self._environment = ExitStack()
        memory = psutil.virtual_memory().available // workers
        slots = None
        if run.settings.device == "cuda":
            folder = self._environment.enter_context(tempfile.TemporaryDirectory(prefix="denoisebench-"))
            slots = (Path(folder), gpus.slots(gpus.visible_gpus(), workers))
        self._pool = ProcessPool(
            max_workers=workers,
            context=multiprocessing.get_context("spawn"),
            initializer=worker.start,
            initargs=(run, os.getpid(), memory, None, slots, gpu_share),
        )
        self._environment.enter_context(worker.environment(worker.library_threads(run.settings.threads)))

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

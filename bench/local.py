"""The local executor: worker processes of this machine in maintained pools, where the death of one costs only its cell."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

import psutil
from pebble import ProcessExpired, ProcessPool

from bench import worker
from bench.denoising import Run
from bench.plan import Job

#: Signals by which the system or a person ends a process; others are the process's own fault.
_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


class Local:
    """Jobs in `workers` processes, each in a pool of its own. Implements `bench.execution.Executor`.

    In one pool for all, a worker that is killed before it has taken a job, or while it holds the pool's lock, would break the
    pool for the others. So a pool whose worker died is replaced, and nobody shares anything with it.
    """

    def __init__(self, run: Run, workers: int) -> None:
        self.width = workers
        self._starts = (run, os.getpid(), psutil.virtual_memory().available // workers)
        self._threads = ThreadPoolExecutor(workers)  # each waits for one worker
        self._pools: SimpleQueue[ProcessPool | None] = SimpleQueue()  # idle; None: still to be started
        for _ in range(workers):
            self._pools.put(None)
        self._jobs: dict[Future[None], Job] = {}
        self._inside: dict[Job, Future[None]] = {}
        self._stopping = False
        self._environment = ExitStack()
        self._environment.enter_context(_threads_of_libraries(run.settings.threads))

    def submit(self, job: Job) -> Future[None]:
        future = self._threads.submit(self._do, job)
        self._jobs[future] = job
        return future

    def _do(self, job: Job) -> None:
        """Have the job done by an idle worker, or a new one."""
        pool = self._pools.get()
        try:
            if pool is None or not pool.active:  # its worker may have been killed between two jobs
                pool = self._replaced(pool)
            future = self._inside[job] = pool.schedule(worker.work, args=(job,))
            if self._stopping:
                future.cancel()
            while not future.done():
                wait([future], timeout=1)
                if not future.done() and not pool.active:
                    raise BrokenProcessPool
            future.result()
        except BaseException:
            pool = self._replaced(pool)
            raise
        finally:
            self._inside.pop(job, None)
            self._pools.put(pool)

    def _replaced(self, pool: ProcessPool | None) -> ProcessPool:
        """A new pool, whose worker starts with its first job, after the end of the old one's."""
        _end([pool])
        context = multiprocessing.get_context("spawn")
        return ProcessPool(max_workers=1, context=context, initializer=worker.start, initargs=self._starts)

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
            _end([self._pools.get() for _ in range(self.width)])
        finally:
            self._environment.close()

    def stop(self) -> None:
        self._stopping = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for inside in list(self._inside.values()):
            inside.cancel()
        self.close()


def _end(pools: Sequence[ProcessPool | None]) -> None:
    """End the pools' workers, at once."""
    there = [pool for pool in pools if pool is not None]
    for pool in there:
        pool.stop()
    for pool in there:
        pool.join()


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

"""The Ray executor: each job is a task of a Ray cluster, that of the user or one started on this machine for the run.

The run directory is on storage that all nodes share; records, weights and checkpoints never pass through Ray. Images
reach the nodes through Ray's object store.

Note
----
Ray pickles what it passes between its own processes. Whoever can connect to a Ray cluster can have it run code: that is Ray's
design, and its ports belong into a trusted network.
"""

from __future__ import annotations

import dataclasses
import signal
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import (
    GetTimeoutError,
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.errors import UsageError, one_line
from bench.executors import worker
from bench.plan.cells import Job
from bench.runs.inputs import Run
from bench.runs.record import versions
from bench.runs.sharing import await_records, held_by

#: Seconds that a node may take to answer.
PATIENCE = 60.0


class Ray:
    """Jobs as tasks of a Ray cluster. Implements `bench.executors.execution.Executor`.

    Ray itself never tries a task again: `bench.executors.execution` does, from the cell that was in hand, and never after a
    fault of a method, which is a record like any other.

    Parameters
    ----------
    workers : int or None
        Tasks at a time; None: as many as the cluster has room for now.
    address : str or None
        "auto" or HOST:PORT; None: start Ray on this machine, and end it with the run.
    gpu_share : float
        Share of a GPU that each task gets, where the run computes on GPUs.

    Raises
    ------
    UsageError
        Where there is no such cluster, no room for a single task, or a node that does not see the run directory or has other
        versions of the software.
    """

    def __init__(self, run: Run, workers: int | None, address: str | None, gpu_share: float = 1.0) -> None:
        run = dataclasses.replace(run, directory=run.directory.absolute())
        threads, gpus = run.settings.threads, gpu_share if run.settings.device == "cuda" else 0.0
        _connect(run, address, (workers or 1) * threads)
        try:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            able = [node for node in nodes if room(node["Resources"], threads, gpus)]
            if not able:
                need = f"{threads} CPU{'s' * (threads > 1)}" + (f" and {gpus:g} of a GPU" if gpus else "")
                raise UsageError(f"--executor ray: none of the cluster's {len(nodes)} nodes has {need}: expected one that has")
            self._holder = held_by(run.directory)
            _check(able, run, self._holder)
            self.width = workers or sum(room(node["Resources"], threads, gpus) for node in able)
            self._run, self._directory, self._share = ray.put(run), run.directory, gpu_share
        except BaseException:
            ray.shutdown()
            raise
        self._task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(_work)
        self._pool = ThreadPoolExecutor(self.width)  # a thread waits for each task: that bounds their number
        self._jobs: dict[Future[None], Job] = {}
        self._tasks: dict[Job, ray.ObjectRef] = {}

    def submit(self, job: Job) -> Future[None]:
        future = self._pool.submit(self._do, job)
        self._jobs[future] = job
        future.add_done_callback(lambda future: self._jobs.pop(future, None))
        return future

    def _do(self, job: Job) -> None:
        self._tasks[job] = task = self._task.remote(self._run, job, self._holder, self._share)
        try:
            ray.get(task)
        except RayTaskError as error:
            raise error.cause or error from None
        finally:
            del self._tasks[job]
        await_records(self._directory, job)

    def kill(self, future: Future[None]) -> None:
        task = self._tasks.get(self._jobs[future]) if future in self._jobs else None
        if task is not None:
            ray.cancel(task, force=True)

    def death(self, error: BaseException) -> tuple[str, bool] | None:
        return death(error)

    def close(self) -> None:
        self._pool.shutdown()
        ray.shutdown()

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        while self._jobs:
            for task in list(self._tasks.values()):
                ray.cancel(task, force=True)
            wait(list(self._jobs), timeout=0.2)
        ray.shutdown()


def room(resources: Mapping[str, float], threads: int, gpus: float) -> int:
    """How many tasks of so many threads and GPUs (0, or a share in (0, 1]) a node has room for."""
    by_cores = int(resources.get("CPU", 0)) // threads
    # of each GPU a whole number of shares; 1/0.1 is a little less than 10
    return min(by_cores, int(resources.get("GPU", 0)) * int(1 / gpus + 1e-9)) if gpus else by_cores


def death(error: BaseException) -> tuple[str, bool] | None:
    """How the worker died whose task ended with this error; None where the task itself raised it.

    Ray does not tell a crash from a kill, so that both count as coming from outside.
    """
    if not isinstance(error, RayError) or isinstance(error, RayTaskError):
        return None
    if isinstance(error, OutOfMemoryError):
        return "the worker was killed by Ray, for the node was short of memory", True
    if isinstance(error, NodeDiedError):
        return "the node died", True
    if isinstance(error, WorkerCrashedError):
        return "the worker died", True
    if isinstance(error, TaskCancelledError):
        return "the worker was stopped", True
    return f"Ray lost the worker: {type(error).__name__}: {one_line(error)[:300]}", True


def _work(run: Run, job: Job, holder: str, gpu_share: float) -> None:
    """Do a job in this process of Ray's, which may have done others."""
    if held_by(run.directory) != holder:  # a node that came later was not checked
        raise UsageError(f"{run.directory}: {socket.gethostname()} does not see it: expected storage that all nodes share")
    worker.start(run.settings, holder=holder, gpu_share=gpu_share)
    worker.work(run, job)


def _connect(run: Run, address: str | None, cpus: int) -> None:
    """Connect to Ray; our handlers of signals stay."""
    variables = worker.variables_of(run.settings.threads)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": {"env_vars": variables}}
    if address is None:
        pixels = sum(image.pixels.nbytes for chosen in run.data.sets for image in chosen.images)
        options |= {"address": "local", "num_cpus": cpus, "include_dashboard": False, "object_store_memory": 2 * pixels + 2**27}
    elif address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise UsageError(f"--ray-address {address}: {error.strerror or error}: expected a running Ray cluster") from None
        options["address"] = address
    else:
        options["address"] = address
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with worker.environment({"RAY_USAGE_STATS_ENABLED": "0"}):
            ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = one_line(error)[:300]
        raise UsageError(
            f"--executor ray: {reason}: expected a cluster that can be joined (one with tokens wants RAY_AUTH_MODE=token)"
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(nodes: Sequence[Mapping[str, Any]], run: Run, holder: str) -> None:
    """Ask each node whether it sees the run directory, and which versions it has. Raises UsageError."""
    look = ray.remote(num_cpus=0, max_retries=0)(_look)
    answers = []
    for node in nodes:
        there = look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
        answers.append(there.remote(run.directory))
    here = versions()
    for node, answer in zip(nodes, answers, strict=True):
        name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        try:
            seen, found = ray.get(answer, timeout=PATIENCE)
        except GetTimeoutError:
            raise UsageError(f"--executor ray: node {name}: expected an answer within {PATIENCE:g} s") from None
        except RayError as error:
            reason = one_line(getattr(error, "cause", None) or error)[-300:]
            raise UsageError(f"--executor ray: node {name}: {reason}: expected the same software as here") from None
        if seen != holder:
            raise UsageError(f"{run.directory}: node {name} does not see it: expected --out on storage that all nodes share")
        for package, version in here.items():
            if found.get(package) != version:
                raise UsageError(
                    f"--executor ray: node {name} has {package} {found.get(package)}: expected {version}, as on this machine"
                )


def _look(directory: Path) -> tuple[str, dict[str, str]]:
    """On a node: which run holds the directory, and the versions of the software."""
    return held_by(directory), versions()

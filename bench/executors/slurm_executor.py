"""The Slurm executor: job arrays through submitit, each task one job of the run, put back into the queue when preempted.

The run directory, the images and the software are on storage that all nodes share.

Note
----
submitit pickles each task into DIR/slurm for its own process on the node to read, and what that returns, which is nothing. This
module reads neither: what became of a task is told by the cells' records, and by JSON where it failed.
"""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedSubmissionError, UncompletedJobError
from submitit.helpers import DelayedSubmission

from bench.errors import UsageError, one_line
from bench.executors import worker
from bench.files.json_files import read_json, write_json
from bench.plan.cells import Job
from bench.plan.settings import Settings
from bench.runs.inputs import Run
from bench.runs.sharing import PATIENCE, held_by, recorded

#: Most tasks of an array: Slurm's own default limit.
ARRAY = 1000

#: Seconds between looks at the tasks.
INTERVAL = 0.5

#: States of Slurm that no fault of the task brings about.
OUTSIDE = ("BOOT_FAIL", "CANCELLED", "DEADLINE", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "INTERRUPTED")


class Ended(Exception):
    """A task of Slurm ended without having done its job; `state` is Slurm's word for how."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class Fault(Exception):
    """A task met an error outside of any cell."""


class Slurm:
    """Jobs as tasks of job arrays. Implements `bench.executors.execution.Executor`.

    Parameters
    ----------
    workers : int
        Tasks that run at a time, at most: the cap of the array.
    jobs : int
        How many jobs there are; all of them wait in Slurm's queue.
    options : mapping
        As in `executors.SLURM`.

    Raises
    ------
    UsageError
        Where there is no Slurm here, or it does not know what the options ask for.
    """

    def __init__(self, run: Run, workers: int, jobs: int, options: Mapping[str, str | int]) -> None:
        self._run = dataclasses.replace(run, directory=run.directory.absolute())
        self._holder = held_by(self._run.directory)
        self._workers, self.width = workers, jobs
        self._real = options.get("cluster", "slurm") == "slurm"
        self._executor = make_executor(self._run, options)
        self._waiting: deque[tuple[Future[None], Job]] = deque()
        self._tasks: dict[Future[None], tuple[Job, submitit.Job[None]]] = {}
        self._ended: dict[Future[None], float] = {}
        self._killed: set[Future[None]] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[None]:
        future: Future[None] = Future()
        self._waiting.append((future, job))
        return future

    def kill(self, future: Future[None]) -> None:
        if future in self._tasks:
            self._killed.add(future)
            self._tasks[future][1].cancel(check=False)

    def death(self, error: BaseException) -> tuple[str, bool] | None:
        if not isinstance(error, Ended):
            return None
        return f"the task ended as {error.state} without having done its cell", error.state in OUTSIDE

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for path in (self._run.directory / "slurm").rglob("*.pkl"):  # of no use to anyone; the logs stay
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        tasks = [task for _, task in self._tasks.values()]
        if self._real and tasks:
            subprocess.run(["scancel", *sorted({task.job_id.split("_")[0] for task in tasks})], check=False)
        for task in tasks if not self._real else ():
            task.cancel(check=False)
        limit = time.monotonic() + PATIENCE
        while tasks and time.monotonic() < limit:  # those that Slurm is slow to end, end when they see that the run is over
            tasks = [task for task in tasks if not task.done(force_check=True)]
            time.sleep(INTERVAL)

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL):
            try:
                self._launch()
                for future, (job, task) in list(self._tasks.items()):
                    if task.done(force_check=future in self._killed):
                        self._settle(future, job, task)
            except Exception as error:  # the run must hear of it, or it would wait for ever
                if not isinstance(error, UsageError) and getattr(error, "errno", None) != errno.ENOSPC:
                    error = UsageError(f"--executor slurm: {type(error).__name__}: {one_line(error)}")
                for future in [*self._tasks, *(future for future, _ in self._waiting)]:
                    future.set_exception(error)
                self._waiting.clear()
                return

    def _launch(self) -> None:
        """Submit what fits: all that waits while nothing else is under way, later as many as have ended.

        So never more than the cap run, over all arrays.
        """
        space = self._workers - len(self._tasks)
        if space <= 0 or not self._waiting:
            return
        count = min(len(self._waiting), ARRAY if self._real and not self._tasks else space)
        batch = [self._waiting.popleft() for _ in range(count)]
        tasks = [Task(self._run.directory, self._run.settings, job, self._holder) for _, job in batch]
        if self._real:
            self._executor.update_parameters(array_parallelism=space)
        with worker.environment(worker.variables_of(self._run.settings.threads)):  # sbatch hands it on
            try:
                submitted = self._executor.submit_array(tasks)
            except (FailedSubmissionError, UncompletedJobError) as error:
                self._waiting.extendleft(reversed(batch))
                reason = one_line(error)[-300:]
                raise UsageError(f"--executor slurm: {reason}: expected options that sbatch takes") from None
        for (future, job), task in zip(batch, submitted, strict=True):
            self._tasks[future] = (job, task)

    def _settle(self, future: Future[None], job: Job, task: submitit.Job[None]) -> None:
        """Tell what became of a task that ended, once that is seen here."""
        fault = read_json(fault_path(self._run.directory, job))
        patience = PATIENCE if self._real and future not in self._killed else 0.0
        since = self._ended.setdefault(future, time.monotonic())
        if not recorded(self._run.directory, job) and fault is None and time.monotonic() < since + patience:
            return
        del self._tasks[future]
        if recorded(self._run.directory, job):
            future.set_result(None)
            return
        task.cancel(check=False)  # one that Slurm would put back is not to come beside its successor
        future.set_exception(Ended(task.state.split()[0]) if fault is None else error_of(fault))


def make_executor(run: Run, options: Mapping[str, str | int]) -> submitit.Executor:
    """submitit's executor for tasks of the run; its files are below DIR/slurm."""
    folder = run.directory / "slurm" / "%j"
    minutes = int(options.get("time", 120))
    if options.get("cluster") == "local":
        trial = submitit.LocalExecutor(folder=folder)
        trial.update_parameters(timeout_min=minutes, gpus_per_node=int(run.settings.device == "cuda"))
        return trial
    try:
        executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=10)
    except RuntimeError:
        raise UsageError("--executor slurm: there is no Slurm (srun, sbatch) here: expected one of its login nodes") from None
    words = {name: options[name] for name in ("partition", "account", "qos", "constraint", "gres") if name in options}
    if "memory" in options:
        words["mem"] = f"{options['memory']}GB"
    if run.settings.device == "cuda" and "gres" not in options:
        words["gpus_per_node"] = 1
    executor.update_parameters(
        job_name="denoisebench",
        time=minutes,
        cpus_per_task=run.settings.threads,
        signal_delay_s=120,  # enough for a step of any training
        additional_parameters={"requeue": True},
        **words,
    )
    return executor


def fault_path(directory: Path, job: Job) -> Path:
    """Where a task tells of an error outside of any cell."""
    return directory / "slurm" / "faults" / f"{job.name}.json"


def error_of(fault: Mapping[str, Any]) -> Exception:
    """The error that a task told of."""
    message = str(fault.get("message"))
    if fault.get("errno") == errno.ENOSPC:
        return OSError(errno.ENOSPC, message)
    if fault.get("kind") == "UsageError":
        return UsageError(message)
    error = Fault(f"{fault.get('kind')}: {message}")
    error.add_note(str(fault.get("traceback")))
    return error


@dataclass(frozen=True)
class Task:
    """A job of a run, as it is done on a node."""

    directory: Path
    settings: Settings
    job: Job
    holder: str

    def __call__(self) -> None:
        path = fault_path(self.directory, self.job)
        path.unlink(missing_ok=True)
        if held_by(self.directory) != self.holder:
            return  # it waited in the queue for longer than its run lived
        try:
            worker.start(self.settings, holder=self.holder)
            worker.work_here(self.directory, self.settings, self.job)
        except Exception as error:
            told = {"kind": type(error).__name__, "message": str(error), "errno": getattr(error, "errno", None)}
            write_json(path, told | {"traceback": traceback.format_exc()})

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit before the node is taken away: what to do when the task comes back. The run directory says how far
        it was."""
        return DelayedSubmission(self)

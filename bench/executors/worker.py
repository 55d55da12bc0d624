"""What a worker process does: prepare itself once, then jobs, telling how far it is."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from bench.cells.cell import do_job
from bench.executors import gpus
from bench.files.json_files import write_json
from bench.plan.cells import Cell, Job
from bench.plan.settings import Settings
from bench.runs.inputs import Run, run_again
from bench.runs.sharing import held_by

#: Least seconds between two notes of progress.
INTERVAL = 0.5

_parent: int | None = None  # of this process
_holder: str | None = None


def start(
    settings: Settings,
    parent: int | None = None,
    memory: int | None = None,
    holder: str | None = None,
    gpu: str | None = None,
    gpu_share: float = 1.0,
) -> None:
    """Prepare this process for jobs of a run.

    Parameters
    ----------
    parent : int or None
        Process of this machine without which this one is to end.
    memory : int or None
        Bytes that this process may take; past them allocations fail, and with them the cell alone (Linux, CPU).
    holder : str or None
        What `sharing.held_by` said when the run began: this process is to end when it says something else. For workers whose
        parent is on another machine.
    gpu : str or None
        The GPU to use, as CUDA_VISIBLE_DEVICES knows it; None: the one that this process was given.
    gpu_share : float
        Share of the GPU's memory that is this process's.
    """
    global _parent, _holder
    _parent, _holder = parent, holder
    gc.freeze()
    gc.enable()  # off while things were imported
    if settings.device == "cuda":
        gpus.confine(gpu, gpu_share)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    torch.set_num_threads(settings.threads)
    if settings.device == "cpu":
        torch.set_flush_denormal(True)  # decayed moments of AdamW become denormal numbers, which CPUs handle slowly
    if sys.platform == "linux":
        _spare_the_others(memory if settings.device == "cpu" else None)


def work(run: Run, job: Job) -> None:
    """Do a job; DIR/progress/JOB.json says meanwhile which cell is in hand, since when, and how far it is."""
    path = progress_path(run, job)
    noted, cell_noted, begun = 0.0, "", 0.0
    phase_noted, since, first = "", 0.0, 0.0

    def report(cell: Cell, phase: str, share: float) -> None:
        nonlocal noted, cell_noted, begun, phase_noted, since, first
        if _parent is not None and os.getppid() != _parent:
            os._exit(1)  # the run was killed: an orphan must not go on beside its successor
        if cell.name != cell_noted:
            cell_noted, begun, noted, phase_noted = cell.name, time.time(), 0.0, ""
        if phase != phase_noted:
            phase_noted, since, first = phase, time.time(), share
        if time.monotonic() - noted > INTERVAL:
            noted = time.monotonic()
            if _holder is not None and held_by(run.directory, _holder) != _holder:
                os._exit(1)  # the run is over, or another one goes on with it
            note = {"cell": cell.name, "begun": begun, "phase": phase, "share": share, "pid": os.getpid()}
            write_json(path, note | {"since": since, "first": first})

    try:
        do_job(run, job, report)
    finally:
        path.unlink(missing_ok=True)


def work_here(directory: Path, settings: Settings, job: Job) -> None:
    """Do a job of the run in the directory.

    The images are read here and not sent: a process that is killed before it has taken them would leave the sender waiting
    for ever in a full pipe.
    """
    work(run_again(directory, settings), job)


def progress_path(run: Run, job: Job) -> Path:
    """Where a worker tells how far the job is, while it works on it."""
    return run.directory / "progress" / f"{job.name}.json"


def variables_of(threads: int) -> dict[str, str]:
    """The environment of workers: what libraries size their thread pools by on import, and one order of the sets of all."""
    libraries = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return libraries | {"PYTHONHASHSEED": "0"}


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Processes started meanwhile inherit these."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _spare_the_others(memory: int | None) -> None:
    """Where memory runs out, let it be this process that is hit: by its own limit, else by the kernel's choice."""
    import resource  # not on Windows

    if memory is not None:
        used = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_DATA, (used + memory, used + memory))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:  # a container may forbid it
        pass

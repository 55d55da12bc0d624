"""What a worker process does: prepare itself once, then jobs, telling how far it is."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import torch

from bench import store
from bench.cell import do_job
from bench.denoising import Run
from bench.plan import Cell, Job

#: Least seconds between two notes of progress.
INTERVAL = 0.5

_run: Run  # of this process
_parent: int | None = None


def start(run: Run, parent: int | None, memory: int | None = None) -> None:
    """Prepare this process for jobs of the run.

    Parameters
    ----------
    parent : int or None
        Process without which this one is to end; None: it lives on by itself.
    memory : int or None
        Bytes that this process may take; past them allocations fail, and with them the cell alone (Linux, CPU).
    """
    global _run, _parent
    _run, _parent = run, parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    torch.set_num_threads(run.settings.threads)
    if run.settings.device == "cpu":
        torch.set_flush_denormal(True)  # decayed moments of AdamW become denormal numbers, which CPUs handle slowly
    if sys.platform == "linux":
        _spare_the_others(memory if run.settings.device == "cpu" else None)


def work(job: Job) -> None:
    """Do a job; DIR/progress/JOB.json says meanwhile which cell is in hand, since when, and how far it is."""
    path = progress_path(_run, job)
    noted, cell_noted, begun = 0.0, "", 0.0

    def report(cell: Cell, phase: str, share: float) -> None:
        nonlocal noted, cell_noted, begun
        if _parent is not None and os.getppid() != _parent:
            os._exit(1)  # the run was killed: an orphan must not go on beside its successor
        if cell.name != cell_noted:
            cell_noted, begun, noted = cell.name, time.time(), 0.0
        if time.monotonic() - noted > INTERVAL:
            noted = time.monotonic()
            store.write_json(path, {"cell": cell.name, "begun": begun, "phase": phase, "share": share, "pid": os.getpid()})

    try:
        do_job(_run, job, report)
    finally:
        path.unlink(missing_ok=True)


def progress_path(run: Run, job: Job) -> Path:
    """Where a worker tells how far the job is, while it works on it."""
    return run.directory / "progress" / f"{job.name}.json"


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

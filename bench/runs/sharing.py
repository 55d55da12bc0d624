"""A run directory that several machines share: whose it is, and waiting until what one wrote is seen by another."""

from __future__ import annotations

import time
from pathlib import Path

from bench.errors import UsageError
from bench.plan.cells import Job
from bench.runs import store
from bench.runs.lock import holder_path, read_holder

#: Seconds that a shared disk may take to show here what was written elsewhere (NFS: up to 60).
PATIENCE = 90.0


def held_by(directory: Path, otherwise: str = "") -> str:
    """Which run holds the directory, in words that no other run has; "" where nobody says so.

    `otherwise` is the answer where a fault of the disk keeps it from being known.
    """
    holder = read_holder(directory)
    if holder is not None:
        return f"{holder}, started {holder.started}"
    try:
        holder_path(directory).stat()
    except FileNotFoundError:
        return ""
    except OSError:
        pass
    return otherwise


def recorded(directory: Path, job: Job) -> bool:
    """Whether all cells of the job have their records."""
    return all(store.read_cell(directory, cell.entry) is not None for cell in job.cells)


def await_records(directory: Path, job: Job, patience: float = PATIENCE) -> None:
    """Return when the records of a job that was done elsewhere are seen here. Raises UsageError where they never are."""
    limit = time.monotonic() + patience
    while not recorded(directory, job):
        if time.monotonic() > limit:
            raise UsageError(
                f"{directory}: the records of {job.name} are not seen here: expected --out on storage that all nodes share"
            )
        time.sleep(0.5)

"""Where a run's cells are done: by processes of this machine, by a Ray cluster, by Slurm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.executors.execution import Executor
from bench.executors.local import Local
from bench.plan.cells import Job
from bench.plan.settings import Settings
from bench.runs.inputs import Run

#: The executors, and the package that each needs beyond the suite's own.
EXECUTORS = {"local": None, "ray": "ray", "slurm": "submitit"}

#: What `--slurm` knows: the name there and what it means to sbatch.
SLURM = {
    "partition": "partition to submit to",
    "account": "account to charge",
    "qos": "quality of service",
    "constraint": "features that the nodes must have",
    "gres": "generic resources in place of one GPU, such as shard:1",
    "time": "minutes that a training and its tests may take before they are put back into the queue (default: 120)",
    "memory": "GB of memory of a task (default: the partition's)",
    "cluster": "slurm, or local: the same by processes of this machine, to try it out (default: slurm)",
}


@dataclass(frozen=True)
class Place:
    """Where a run's cells are done. It has no bearing on the numbers.

    Parameters
    ----------
    executor : "local", "ray" or "slurm"
    workers : int or None
        Jobs done at a time; None (Ray alone): as many as the cluster has room for.
    ray_address : str or None
        "auto" or HOST:PORT of a Ray cluster; None: Ray is started on this machine for the run.
    gpu_share : float
        Share of a GPU that is a worker's, in (0, 1].
    slurm : mapping
        Values of the names in `SLURM`; "time" and "memory" are int.
    fixed : bool
        The number of workers was asked for; otherwise there may be fewer, where memory is short.
    """

    executor: str = "local"
    workers: int | None = 1
    ray_address: str | None = None
    gpu_share: float = 1.0
    slurm: Mapping[str, str | int] = field(default_factory=dict)
    fixed: bool = True

    def words(self, settings: Settings) -> str:
        """How the work is shared out, for people: "2 workers of 1 thread"."""
        threads = f"{settings.threads} thread{'s' * (settings.threads > 1)}"
        where = {"local": "", "ray": " on Ray", "slurm": " on Slurm"}[self.executor]
        if self.workers is None:
            return f"As many workers of {threads} as the Ray cluster has room for"
        return f"{self.workers} worker{'s' * (self.workers > 1)} of {threads}{where}"


def start(place: Place, run: Run, jobs: Sequence[Job]) -> Executor:
    """Start the executor for these jobs. Raises UsageError where it cannot be had as asked."""
    if place.executor == "ray":
        from bench.executors.ray_executor import Ray  # an extra

        return Ray(run, place.workers, place.ray_address, place.gpu_share)
    if place.executor == "slurm":
        from bench.executors.slurm_executor import Slurm  # an extra

        return Slurm(run, place.workers or 1, len(jobs), place.slurm)
    return Local(run, min(place.workers or 1, len(jobs)), place.gpu_share)

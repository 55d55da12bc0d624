"""Whole runs on a Ray cluster of several nodes and through Slurm: killed nodes, parents and tasks, and the same table."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.errors import UsageError
from bench.runs.inputs import Run
from tests.helpers.fake_slurm import install
from tests.helpers.harness import bench, finish, start, tiny
from tests.helpers.victims import notes

pytestmark = pytest.mark.slow

#: Trainings long enough to be met at work.
ARGUMENTS = ("run", "--noise", "1,5", "--methods", "supervised,score-solver", *tiny("steps=300"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the local executor makes of it."""
    out = tmp_path_factory.mktemp("local") / "run"
    status, output, error = bench(*ARGUMENTS, "--executor", "local", "--out", out)
    assert (status, error) == (0, ""), output
    return (out / "results.parquet").read_bytes()


def training(out: Path, wanted: Callable[[psutil.Process], bool] = lambda worker: True) -> psutil.Process:
    """The first worker that is seen to train, of those wanted."""
    limit = time.monotonic() + 240
    while time.monotonic() < limit:
        for note in notes(out):
            try:
                worker = psutil.Process(note["pid"])
                if note["phase"] == "training" and wanted(worker):
                    return worker
            except psutil.NoSuchProcess:  # it ended in this moment
                continue
        time.sleep(0.02)
    raise AssertionError(f"nothing trains in {out}")


def ends(process: psutil.Process) -> bool:
    return not psutil.wait_procs([process], timeout=60)[1]


def assert_stops(process: subprocess.Popen[str], number: int, worker: psutil.Process) -> None:
    """On that signal the command ends as one that was interrupted, and its worker with it."""
    process.send_signal(number)
    status, _, error = finish(process)
    assert status == 130 and "the same command goes on from there" in error
    assert ends(worker)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of a node that computes nothing, and one that does."""
    pytest.importorskip("ray", reason="Ray is not installed (the extra [ray])")
    from ray.cluster_utils import Cluster

    node = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **node})
    try:
        found.add_node(num_cpus=1, **node)
        yield found
    finally:
        found.shutdown()


def test_nodes_that_do_not_see_the_directory_or_have_no_room_are_named(
    cluster: Any, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    from bench.executors import ray_executor

    with pytest.raises(UsageError, match="none of the cluster's 2 nodes has 3 CPUs: expected one that has"):
        ray_executor.Ray(make_run(threads=3), None, cluster.address)
    with pytest.raises(UsageError, match=r"nodes has 1 CPU and 0\.5 of a GPU"):
        ray_executor.Ray(make_run(device="cuda"), None, cluster.address, 0.5)
    monkeypatch.setattr(ray_executor, "held_by", lambda directory: "this run")
    with pytest.raises(UsageError, match=r"run: node .* does not see it: expected --out on storage that all nodes share"):
        ray_executor.Ray(make_run(), None, cluster.address)
    assert not ray.is_initialized()


def test_ray_cluster_survives_its_user_and_a_run_the_death_of_a_node(cluster: Any, table: bytes, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = (*ARGUMENTS, "--executor", "ray", "--ray-address", cluster.address, "--out", out)

    process = start(*arguments)
    assert_stops(process, signal.SIGTERM, training(out))

    process = start(*arguments)
    worker = training(out)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert ends(worker), "a worker outlives a run that was killed"

    node = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    process = start(*arguments)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    worker = training(out, lambda worker: worker in raylet.children(recursive=True))
    cluster.remove_node(node, allow_graceful=False)
    status, output, _ = finish(process)
    assert status == 0, output
    assert ends(worker)
    assert (out / "results.parquet").read_bytes() == table


def test_slurm_arrays_keep_their_cap_and_tasks_come_back_when_preempted(
    table: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (the extra [slurm])")
    for name, value in install(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "run"
    arguments = (*ARGUMENTS, "--executor", "slurm", "--workers", "2", "--slurm", "partition=gpu,time=5", "--out", out)

    process = start(*arguments)
    orphan = training(out)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert orphan.is_running()  # Slurm knows nothing of our processes

    process, began = start(*arguments), time.time()
    assert ends(orphan), "a task goes on beside its successor"
    assert_stops(process, signal.SIGTERM, training(out, lambda task: task.create_time() > began))

    process, began = start(*arguments), time.time()
    task = training(out, lambda task: task.create_time() > began)
    task.send_signal(signal.SIGUSR2)  # as Slurm does before it takes a node away
    status, output, error = finish(process)
    assert (status, error) == (0, ""), output
    assert (out / "results.parquet").read_bytes() == table

    events = [line.split() for line in (tmp_path / "slurm" / "events").read_text().splitlines()]
    assert [event for event, _ in events].count("REQUEUE") == 1 and "CANCELLED" in {event for event, _ in events}
    running: dict[str, int] = {}
    for event, job in events:
        array = job.split("_")[0]
        running[array] = running.get(array, 0) + {"RUNNING": 1, "END": -1}.get(event, 0)
        assert running[array] <= 2
    assert not list(out.glob("slurm/**/*.pkl"))
    assert not [path for path in out.glob("slurm/**/*.err") if "Traceback" in path.read_text()]


def test_tasks_of_submitit_s_own_executor_stop_with_the_run(table: bytes, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (the extra [slurm])")
    out = tmp_path / "run"
    arguments = (*ARGUMENTS, "--executor", "slurm", "--slurm", "cluster=local", "--workers", "2", "--out", out)
    process = start(*arguments)
    assert_stops(process, signal.SIGINT, training(out))
    status, output, error = bench(*arguments)
    assert (status, error) == (0, ""), output
    assert (out / "results.parquet").read_bytes() == table

"""Whole runs on a Ray cluster of several nodes: killed nodes and parents, and the same table."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.errors import UsageError
from bench.runs.inputs import Run
from tests.helpers.clusters import ARGUMENTS, assert_stops, ends, training
from tests.helpers.harness import finish, start

pytestmark = pytest.mark.slow(58)


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

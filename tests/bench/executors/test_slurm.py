"""Whole runs through Slurm: killed parents, tasks that are preempted, and the same table."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.helpers.clusters import ARGUMENTS, assert_stops, ends, takes_over, training
from tests.helpers.fake_slurm import install
from tests.helpers.harness import bench, finish, start

pytestmark = pytest.mark.slow(65)


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

    process = start(*arguments)
    began = takes_over(process, out)
    assert ends(orphan), "a task goes on beside its successor"
    assert_stops(process, signal.SIGTERM, training(out, lambda task: task.create_time() > began))

    process = start(*arguments)
    began = takes_over(process, out)
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

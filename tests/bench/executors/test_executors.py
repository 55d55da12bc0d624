"""Where cells are done: what the options mean, who gets which GPU, and what is asked of Slurm and Ray."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from bench.cli import main
from bench.commands.arguments import parse_place
from bench.errors import UsageError
from bench.executors import gpus, worker
from bench.executors.place import Place
from bench.files.json_files import write_json
from bench.plan.cells import make_cells, make_jobs
from bench.plan.settings import Settings
from bench.runs.inputs import Run
from bench.runs.lock import Holder, holder_path
from bench.runs.sharing import await_records, held_by, recorded

EXTRAS = {"ray": "Ray is not installed (the extra [ray])", "submitit": "submitit is not installed (the extra [slurm])"}


def place(settings: Settings, **given: object) -> Place:
    options = {"executor": "local", "ray_address": None, "gpu_share": "1", "workers": None, "slurm": []}
    return parse_place(argparse.Namespace(**options | given), settings)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--executor", "rai"], "--executor 'rai': expected local, ray, slurm (nearest: ray)"),
        (["--ray-address", "auto"], "--ray-address: does not go with --executor local: expected --executor ray"),
        (["--slurm", "time=5"], "--slurm: does not go with --executor local: expected --executor slurm"),
        (["--executor", "ray", "--ray-address", "ray://head:10001"], "'ray://head:10001': expected auto, or HOST:PORT"),
        (["--executor", "ray", "--ray-address", "localhost:1", "--workers", "1"], "Connection refused: expected a running Ray"),
        (["--executor", "slurm"], "--executor slurm: expected --workers N"),
        (["--executor", "slurm", "--slurm", "partion=gpu"], "(nearest: partition)"),
        (["--executor", "slurm", "--slurm", "time=soon"], "--slurm time soon: expected a whole number"),
        (["--executor", "slurm", "--slurm", "qos=a b"], "--slurm 'qos=a b': expected a value without spaces"),
        (["--executor", "slurm", "--slurm", "cluster=lokal"], "expected slurm or local (nearest: local)"),
        (["--executor", "slurm", "--workers", "2"], "there is no Slurm (srun, sbatch) here"),
        (["--gpu-share", "1.5"], "--gpu-share '1.5': expected a number above 0 and up to 1"),
        (["--gpu-share", "0.5", "--device", "cpu"], "--gpu-share 0.5: this run computes on cpu"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, reason in EXTRAS.items():
        if "--executor" in arguments:
            pytest.importorskip(package, reason=reason)
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["run", "--methods", "noisy", "--noise", "1", *arguments, "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert complaint in told and len(told.splitlines()) == 1
    assert not list(tmp_path.glob("run/cells/*"))


@pytest.mark.parametrize(("executor", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_named(
    executor: str, package: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    assert main(["run", "--executor", executor]) == 2
    assert capsys.readouterr().err == (
        f"denoisebench: --executor {executor}: {package} is not installed: expected pip install 'denoisebench[{executor}]'\n"
    )


def test_workers_are_as_many_as_there_is_room_for(make_settings: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = make_settings(), make_settings(device="cuda")
    assert place(cpu, workers="3") == Place("local", 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for count, share, workers in ((0, "1", 1), (1, "1", 1), (2, "1", 2), (2, "0.25", 8), (1, "0.1", 10), (1, "0.3", 3)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert place(cuda, gpu_share=share).workers == workers


def test_gpus_are_dealt_out_in_turn() -> None:
    assert gpus.visible_gpus(3, {}) == ["0", "1", "2"]
    assert gpus.visible_gpus(2, {"CUDA_VISIBLE_DEVICES": "5, GPU-8932f937"}) == ["5", "GPU-8932f937"]
    assert gpus.visible_gpus(0, {"CUDA_VISIBLE_DEVICES": ""}) == []
    assert gpus.dealt_out(["5", "7"], 5) == ["5", "7", "5", "7", "5"]
    assert gpus.dealt_out([], 2) == [None, None]


def test_a_worker_sees_its_gpu_alone_and_takes_its_share_of_the_memory(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    monkeypatch.setattr(worker.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(worker, "_spare_the_others", lambda memory: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for name in ("_parent", "_holder"):
        monkeypatch.setattr(worker, name, None, raising=False)
    seen = []
    for gpu in ("1", "0", None):
        worker.start(make_run(device="cuda").settings, gpu=gpu, gpu_share=0.5)
        seen.append(worker.os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["1", "0", "0"] and shares == [0.5, 0.5, 0.5]


def test_records_that_never_appear_are_no_reason_to_wait_for_ever(make_run: Callable[..., Run]) -> None:
    run = make_run(methods_=["noisy"], noise_=["gaussian"])
    (job,) = make_jobs(make_cells(run.settings, ""))
    with pytest.raises(Exception, match="not seen here: expected --out on storage that all nodes share"):
        await_records(run.directory, job, patience=0)


def test_whose_a_directory_is(tmp_path: Path) -> None:
    """The same run through all its signs of life; another run, nobody, and a disk that does not tell."""
    assert held_by(tmp_path, "you") == ""
    me = Holder(12, "here", 1000.5)
    write_json(holder_path(tmp_path), asdict(me))
    first = held_by(tmp_path, "you")
    write_json(holder_path(tmp_path), asdict(replace(me, beats=7)))
    assert first and held_by(tmp_path) == first
    for other in (replace(me, pid=13), replace(me, host="there"), replace(me, started=1003.5)):
        write_json(holder_path(tmp_path), asdict(other))
        assert held_by(tmp_path) not in ("", first)
    holder_path(tmp_path).unlink()
    holder_path(tmp_path).mkdir()  # cannot be read as a file
    assert held_by(tmp_path, "you") == "you"


@pytest.mark.parametrize(("pid", "status"), [(12, None), (13, 1), (None, 1)], ids=["this run", "its successor", "nobody"])
def test_a_worker_whose_run_is_over_ends_before_it_writes_anything(
    pid: int | None, status: int | None, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(status: int) -> None:
        raise SystemExit(status)

    run = make_run(methods_=["noisy"], noise_=["gaussian"])
    (job,) = make_jobs(make_cells(run.settings, ""))
    run.directory.mkdir()
    write_json(holder_path(run.directory), asdict(Holder(12, "here", 1000.5)))
    mine = held_by(run.directory)
    holder_path(run.directory).unlink()
    if pid is not None:
        write_json(holder_path(run.directory), asdict(Holder(pid, "here", 1000.5, beats=3)))
    monkeypatch.setattr(worker.os, "_exit", leave)
    for name, value in (("_parent", None), ("_holder", mine)):  # as worker.start leaves them
        monkeypatch.setattr(worker, name, value)
    if status is None:
        worker.work(run, job)
    else:
        with pytest.raises(SystemExit, match=str(status)):
            worker.work(run, job)
    assert recorded(run.directory, job) == (status is None)


@pytest.mark.parametrize(
    ("resources", "threads", "share", "tasks"),
    [
        ({"CPU": 8.0}, 1, 0, 8),
        ({"CPU": 8.0}, 3, 0, 2),
        ({"memory": 1e9}, 1, 0, 0),
        ({"CPU": 8.0}, 1, 1, 0),
        ({"CPU": 8.0, "GPU": 4.0}, 1, 1, 4),
        ({"CPU": 64.0, "GPU": 4.0}, 1, 0.1, 40),
        ({"CPU": 64.0, "GPU": 1.0}, 1, 0.4, 2),
        ({"CPU": 8.0, "GPU": 8.0}, 2, 0.5, 4),
    ],
)
def test_room_on_a_node(resources: dict[str, float], threads: int, share: float, tasks: int) -> None:
    pytest.importorskip("ray", reason=EXTRAS["ray"])
    from bench.executors.ray_executor import room

    assert room(resources, threads, share) == tasks


def test_deaths_in_ray_come_from_outside_and_a_task_s_own_errors_do_not() -> None:
    errors = pytest.importorskip("ray.exceptions", reason=EXTRAS["ray"])
    from bench.executors.ray_executor import death

    assert death(errors.WorkerCrashedError()) == ("the worker died", True)
    assert death(errors.NodeDiedError("gone")) == ("the node died", True)
    assert (death(errors.OutOfMemoryError("full")) or ("", False))[1]
    assert (death(errors.ObjectLostError("id", None, "")) or ("", False))[1]
    assert death(errors.RayTaskError("f", "traceback", ValueError("a bug"))) is None
    assert death(ValueError("a bug")) is None


def test_what_sbatch_refuses_ends_the_run_with_its_reason(
    make_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit", reason=EXTRAS["submitit"])
    from bench.executors.slurm_executor import Slurm
    from tests.helpers.fake_slurm import install

    for name, value in install(tmp_path / "bin").items():
        monkeypatch.setenv(name, value)
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: gpuu' >&2\nexit 1\n")
    run = make_run(methods_=["noisy"], noise_=["gaussian", "gamma"])
    jobs = make_jobs(make_cells(run.settings, ""))
    executor = Slurm(run, 1, len(jobs), {"partition": "gpuu"})
    try:
        error = executor.submit(jobs[0]).exception(timeout=60)
        assert isinstance(error, UsageError) and "invalid partition specified: gpuu" in str(error)
    finally:
        executor.stop()


def test_the_sbatch_script(make_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason=EXTRAS["submitit"])
    from bench.executors.slurm_executor import make_executor
    from tests.helpers.fake_slurm import install

    for name, value in install(tmp_path / "bin").items():
        monkeypatch.setenv(name, value)

    def script(options: dict[str, str | int], **settings: object) -> set[str]:
        executor = make_executor(make_run(**settings), options)
        executor.update_parameters(array_parallelism=3)
        executor.parameters["map_count"] = 50
        return set(executor._make_submission_file_text("the command", "1").splitlines())

    lines = script({})
    assert {
        "#SBATCH --array=0-49%3",
        "#SBATCH --requeue",
        "#SBATCH --signal=USR2@120",
        "#SBATCH --time=120",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --job-name=denoisebench",
    } <= lines
    assert any(line.startswith("srun ") and line.endswith("the command") for line in lines)
    assert not any("gpu" in line or "--mem" in line or "partition" in line for line in lines)
    options = {"partition": "gpu", "account": "me", "qos": "low", "constraint": "a100|h100", "time": 30, "memory": 16}
    lines = script(options, device="cuda", threads=4)
    assert {
        "#SBATCH --partition=gpu",
        "#SBATCH --account=me",
        "#SBATCH --qos=low",
        "#SBATCH --constraint='a100|h100'",
        "#SBATCH --time=30",
        "#SBATCH --mem=16GB",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --gpus-per-node=1",
    } <= lines
    lines = script({"gres": "shard:1"}, device="cuda")
    assert "#SBATCH --gres=shard:1" in lines and not any("gpus" in line for line in lines)

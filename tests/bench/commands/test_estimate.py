"""The estimate of `--dry-run`: jobs, cores and memory. (Whether seconds are right is measured by hand, not asserted.)"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import methods
from bench.commands import estimate
from bench.commands.estimate import START, crowding, makespan, memory_words
from bench.executors.needs import Needs
from bench.executors.place import Place
from bench.plan.cells import make_cells
from bench.plan.settings import Settings
from bench.runs.inputs import Run
from tests.helpers.harness import here, tiny


def after_start(seconds: list[float], workers: int) -> float:
    return makespan(seconds, workers, 2.0) - START - 2.0


def test_jobs_bound_the_time() -> None:
    jobs = [3.0, 1.0, 1.0, 1.0]
    assert after_start(jobs, 1) == pytest.approx(6)
    assert after_start(jobs, 2) == pytest.approx(3)
    assert after_start(jobs, 4) == pytest.approx(3)  # the longest job
    assert after_start([1.0, 1.0, 3.0], 2) == pytest.approx(4)  # in order: the long one begins last
    assert makespan([], 1, 0.0) == START


def test_workers_beyond_the_cores_bring_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "usable_cores", lambda: 2)

    def crowded(workers: int, threads: int = 1, **place: Any) -> float:
        settings = cast(Settings, SimpleNamespace(device="cpu", threads=threads))
        return crowding(settings, Place(workers=workers, **place), workers)

    assert [crowded(1), crowded(2), crowded(8), crowded(2, threads=2)] == [1, 1, 4, 2]
    assert crowded(8, executor="ray") == 1  # on machines that are not known here
    both = [makespan([10.0] * 8, workers, 0.0, crowded(workers)) - START * crowded(workers) for workers in (2, 8)]
    assert both[0] == pytest.approx(both[1])


def test_memory_is_told(make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    monkeypatch.setattr(estimate, "needs_of", lambda settings, data: Needs(worker=2 * 2**30, shared=2**30))
    monkeypatch.setattr(estimate, "available_bytes", lambda: 8 * 2**30)
    words = "They take about {} GiB of memory, 8.0 GiB are free{}. "
    assert memory_words(run.settings, run.data, 8, Place()) == words.format("17.0", ": expected fewer workers")
    assert memory_words(run.settings, run.data, 1, Place()) == words.format("3.0", "")
    assert memory_words(run.settings, run.data, 8, Place("ray")) == ""


def test_what_is_done_already_is_not_told_again(tmp_path: Path) -> None:
    arguments = ("run", "--methods", "noisy", "--noise", "1,2", *tiny(), "--workers", "2", "--out", tmp_path / "run")
    assert here(*arguments)[0] == 0
    assert "2 of 2 jobs were done before. Estimated time with 1 worker (there are 0 jobs): " in here(*arguments, "--dry-run")[1]
    (tmp_path / "run" / "cells" / "02-gaussian-conv--noisy--s0.json").unlink()
    assert "1 of 2 jobs were done before. Estimated time with 1 worker (there is 1 job): " in here(*arguments, "--dry-run")[1]
    status, _, error = here(*arguments, "--dry-run", "--set", "test_crop=48")
    assert status == 2 and "test_crop is 64 there and 48 now" in error
    (tmp_path / "file").write_text("mine")
    for out, words in ((tmp_path / "file", "cannot be used as a run directory"), (tmp_path, "holds files but no run")):
        status, output, error = here(*arguments[:-1], out, "--dry-run")
        assert (status, output) == (2, "") and words in error and error.count("\n") == 1


class Wordless(BaseException):
    """No Exception, and its text cannot be had."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(("error", "words"), [(ValueError("no loss"), "ValueError: no loss"), (Wordless(), "Wordless")])
def test_a_method_that_fails_is_told(
    error: BaseException, words: str, monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., Run]
) -> None:
    """It costs its own cells the estimate, and what it sets for the process is put back."""

    def loss(self: Any, network: Any, batch: Any) -> Any:
        torch.set_default_dtype(torch.float64)
        raise error

    run = make_run(methods_=("noisy", "supervised"), noise_=("gaussian",))
    monkeypatch.setattr(type(methods.get("supervised")), "loss", loss)
    costs, faults = estimate.measure(run.settings, run.data, make_cells(run.settings, "images"))
    assert faults == {"supervised": words} and costs["noisy"].pixel > 0
    assert torch.get_default_dtype() == torch.float32


def test_no_more_workers_are_told_than_there_are_jobs(tmp_path: Path) -> None:
    arguments = ("run", "--methods", "supervised", "--noise", "1", *tiny(), "--workers", "8", "--out", tmp_path / "run")
    status, output, _ = here(*arguments, "--dry-run")
    assert status == 0
    assert "Estimated time with 2 workers (there are 2 jobs): " in output
    assert not (tmp_path / "run").exists()

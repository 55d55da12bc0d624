"""Every method gives the same numbers whatever ran before it, and in another worker; so does one that draws carelessly."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import methods
import noise
from bench.cells.cell import do_job
from bench.plan.cells import make_cells, make_jobs
from bench.runs import store
from bench.runs.inputs import Run
from tests.helpers.stub_methods import do, stub

#: A noise model on which nearly every method can be run, and one for the others.
NOISE, OTHER = "gaussian", "rayleigh"


def outcome(run: Run) -> list[Any]:
    """What the records of a run say of images and trainings."""
    cells = make_cells(run.settings, "images")
    for job in make_jobs(cells):
        do_job(run, job, lambda *told: None)
    records = [store.read_cell(run.directory, cell.entry) or {} for cell in cells if cell.entry.applicability != "no"]
    return [(record["method"], record["rows"], (record["training"] or {}).get("loss")) for record in records]


def work(times: int) -> None:
    """Draw from everything that can be drawn from without a generator."""
    for _ in range(times):
        torch.randn(7), np.random.normal(size=5), random.random()


@pytest.fixture
def run_of(make_run: Callable[..., Run], tmp_path: Path) -> Callable[[str, str], Run]:
    def make(method: str, name: str) -> Run:
        runs = methods.answers(methods.get(method), noise.get(NOISE))[0].verdict != "no"
        return make_run(tmp_path / name, methods_=("noisy", method), noise_=(NOISE if runs else OTHER,))

    return make


def runs_somewhere(slug: str) -> bool:
    """Not without the package that it needs."""
    return any(methods.answers(methods.get(slug), noise.get(model))[0].verdict != "no" for model in (NOISE, OTHER))


@pytest.mark.parametrize("method", [slug for slug in methods.catalogue() if runs_somewhere(slug)])
def test_the_same_after_other_work(method: str, run_of: Callable[[str, str], Run]) -> None:
    first = outcome(run_of(method, "first"))
    assert {name for name, _, _ in first} == {"noisy", method}
    work(13)
    outcome(run_of("supervised", "between"))
    assert outcome(run_of(method, "second")) == first


@pytest.mark.slow(6)
def test_the_same_in_another_worker(make_run: Callable[..., Run], tmp_path: Path) -> None:
    first = outcome(make_run(tmp_path / "here", noise_=(NOISE,)))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(torch.set_num_threads, (1,))
        pool.apply(work, (5,))
        assert pool.apply(outcome, (make_run(tmp_path / "there", noise_=(NOISE,)),)) == first


def careless_denoise(network: Any, y: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return y + torch.randn(y.shape) + float(np.random.normal()) + random.random()


def careless_loss(network: Any, batch: methods.Batch) -> torch.Tensor:
    noise = torch.rand(batch.noisy.shape) + float(np.random.rand()) + random.gauss(0, 1)
    return methods.mean_squared(methods.estimate(network, batch.noisy) - batch.noisy - noise)


def test_a_method_that_uses_no_generator_is_reproducible(
    run_of: Callable[[str, str], Run], with_methods: Callable[..., None]
) -> None:
    with_methods(careless=stub(denoise=careless_denoise, loss=careless_loss))
    first = do(run_of("careless", "first"))[NOISE, "careless", 0]
    work(3)
    again = do(run_of("careless", "second"))[NOISE, "careless", 0]
    assert first["status"] == "done" and again["rows"] == first["rows"]
    assert again["training"]["loss"] == first["training"]["loss"]
    psnr = [row["psnr"] for row in first["rows"]]
    assert len(set(psnr)) == len(psnr)


def test_what_a_method_sets_for_its_process_ends_with_its_cell(
    make_run: Callable[..., Run], tmp_path: Path, with_methods: Callable[..., None]
) -> None:
    def setting(*told: Any) -> None:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.set_grad_enabled(False)
        np.seterr(all="raise")
        raise ArithmeticError

    before = torch.get_num_threads(), np.geterr()
    with_methods(setting=stub(loss=setting))
    run = make_run(tmp_path / "run", methods_=("noisy", "setting", "supervised"), noise_=("gaussian", "gamma"))
    records = do(run)
    assert {key[:2] for key, record in records.items() if record["status"] != "done"} == {
        ("gaussian", "setting"), ("gamma", "setting"),
    }  # fmt: skip
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
    assert (torch.get_num_threads(), np.geterr()) == before


def test_images_and_steps_do_not_share_what_is_drawn(
    run_of: Callable[[str, str], Run], with_methods: Callable[..., None]
) -> None:
    seen: list[float] = []

    def loss(network: Any, batch: methods.Batch) -> torch.Tensor:
        seen.append(float(torch.rand(())))
        return careless_loss(network, batch)

    def denoise(network: Any, y: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append(float(torch.rand(())))
        return y

    with_methods(watched=stub(denoise=denoise, loss=loss))
    do(run_of("watched", "run"))
    counted, rest = seen[:3], seen[3:]  # those of the count of operations, and the others
    assert len(rest) > 6 and len(set(rest)) == len(rest) - 1  # the validation image is denoised at two points of the training
    assert not set(counted) & set(rest)

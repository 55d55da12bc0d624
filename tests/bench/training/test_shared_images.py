"""Training images that workers share: the same numbers as without, drawn once, gone when nobody needs them."""

from __future__ import annotations

import errno
import multiprocessing
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import noise
from bench.cells.cell import do_job
from bench.data.sets import Image
from bench.plan.cells import make_cells, make_jobs
from bench.runs.directory import sweep
from bench.runs.inputs import Run
from bench.training import shared_images as module
from bench.training.patches import make_patches, shared_name
from bench.training.shared_images import folder_of, remove_unneeded, shared_images


@pytest.fixture
def images(random_images: Callable[..., tuple[Image, ...]]) -> tuple[Image, ...]:
    return (*random_images("set", ("a", "b"), 20, 31), *random_images("other", ("a",), 17, 18))


def equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("number", range(1, 17))
@pytest.mark.parametrize("decorrelated", [False, True])
def test_the_same_bits_as_in_memory(number: int, decorrelated: bool, images: tuple[Image, ...], tmp_path: Path) -> None:
    model = noise.get(number)
    seen = model.decorrelated() if decorrelated else None
    own = make_patches(images, model, seen, 3, True, "cpu")
    for _ in range(2):  # drawn, and found
        shared = make_patches(images, model, seen, 3, True, "cpu", tmp_path)
        assert equal(own.noisy, shared.noisy) and equal(own.clean, shared.clean)
        one, other = (patches.draw(1, 2, 4, 8, True) for patches in (own, shared))
        assert equal(list(one), list(other))


def test_drawn_once_and_kept_apart_by_law_seed_and_images(images: tuple[Image, ...], tmp_path: Path) -> None:
    drawn = []

    def draw(image: Image) -> torch.Tensor:
        drawn.append(image.name)
        return torch.full((3, *image.pixels.shape[:2]), float(len(drawn)))

    first = shared_images(tmp_path, "law--s0--x", images, draw)
    assert drawn == ["a", "b", "a"] and equal(first, shared_images(tmp_path, "law--s0--x", images, draw))
    assert len(drawn) == 3
    shared_images(tmp_path, "law--s1--x", images, draw)
    shared_images(tmp_path, "law--s0--x", images[:2], draw)
    assert len(drawn) == 8
    names = {shared_name(noise.get(number), None, seed) for number in range(1, 17) for seed in (0, 1)}
    assert len(names) == 32 and shared_name(noise.get(1, sigma=30), None, 0) not in names
    # through A^-1, No. 6 is No. 5
    assert shared_name(noise.get(6), noise.get(6).decorrelated(), 0) == shared_name(noise.get(5), None, 0)


def drawn_slowly(image: Image) -> torch.Tensor:
    return torch.randn(3, *image.pixels.shape[:2])  # another one in every process


def values(folder: Path, images: tuple[Image, ...]) -> list[float]:
    return [float(x.sum()) for x in shared_images(folder, "law", images, drawn_slowly)]


@pytest.mark.slow(4)
def test_workers_that_begin_together_map_one_file(images: tuple[Image, ...], tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = [result.get() for result in [pool.apply_async(values, (tmp_path, images)) for _ in range(6)]]
    assert all(one == found[0] for one in found)
    assert len(list(tmp_path.glob("*.f32"))) == 1 and not list(tmp_path.glob("*.tmp"))


def test_those_that_nobody_needs_are_removed(images: tuple[Image, ...], tmp_path: Path) -> None:
    mapped = shared_images(tmp_path, "gone--s0--1", images, lambda image: torch.ones(3, *image.pixels.shape[:2]))
    shared_images(tmp_path, "kept--s0--2", images, lambda image: torch.ones(3, *image.pixels.shape[:2]))
    remove_unneeded(tmp_path, {"kept--s0--2"})
    assert [path.name[:11] for path in tmp_path.glob("*.f32")] == ["kept--s0--2"]
    assert all(bool((x == 1).all()) for x in mapped)  # who has it keeps it
    remove_unneeded(tmp_path / "nowhere", set())


@pytest.mark.parametrize("fault", ["folder", "room", "write"])
def test_without_a_file_each_worker_draws_its_own(
    fault: str, images: tuple[Image, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "folder":
        (tmp_path / "noisy").write_text("in the way")
    elif fault == "room":
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(10**6, 10**6, 1000))
    else:

        def full(*told: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(module.os, "replace", full)
    found = shared_images(tmp_path / "noisy", "law", images, lambda image: torch.full((3, *image.pixels.shape[:2]), 2.0))
    assert all(bool((x == 2).all()) for x in found)
    assert fault == "folder" or not list((tmp_path / "noisy").glob("*.f32")) + list((tmp_path / "noisy").glob(".*.tmp"))


def test_a_cell_uses_it_and_a_run_leaves_none(make_run: Callable[..., Run]) -> None:
    run = make_run(methods_=("noisy", "supervised"), noise_=("gamma",))
    for job in make_jobs(make_cells(run.settings, "images")):
        do_job(run, job, lambda *told: None)
    assert [path.name[:9] for path in folder_of(run.directory).glob("*.f32")] == ["gamma--s0"]
    sweep(run.directory)
    assert not folder_of(run.directory).exists()

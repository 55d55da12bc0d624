"""Evaluation of one large photograph's size, beside bare passes of the network, and its scores."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import methods
import noise
from bench.cells.denoising import denoise, noisy_image
from bench.cells.metrics import score
from bench.data.sets import Image
from bench.plan.cells import Cell, Entry
from bench.plan.settings import PRESETS
from bench.training.networks import make_network, set_window
from tests.benchmarks.pairs import ratios_of, seconds

PAIRS = 5
HEIGHT, WIDTH = 512, 768


@pytest.fixture
def image() -> Image:
    torch.set_num_threads(1)
    return Image("x", "y", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


@pytest.mark.parametrize("slug", ["supervised", "score-solver"])
def bench_evaluation(slug: str, image: Image, record_property: Callable[[str, Any], None]) -> None:
    """Noise, denoising and scores take at most 1.30 of the network's passes over the noisy image, in its window."""
    model, method = noise.get(1), methods.get(slug)
    cell = Cell(Entry(1, "gaussian", slug, 0, "yes", "", None, False), model, method)
    network = make_network(PRESETS["quick"]).eval()
    set_window(network, PRESETS["quick"].patch)
    y = noisy_image(image, model, 0)[1]

    def evaluated() -> None:
        clean, noisy = noisy_image(image, model, 0)
        score(denoise(network, cell, noisy, image), clean)

    @torch.no_grad()
    def bare() -> None:
        network(y[None])

    found = ratios_of(evaluated, bare, PAIRS)
    ratio = statistics.median(found)
    record_property("ratio", ratio)
    print(f"\n{slug}: evaluation takes {ratio:.3f} of a pass (pairs {min(found):.3f} to {max(found):.3f})")
    assert ratio <= 1.30


def bench_scores(image: Image, record_property: Callable[[str, Any], None]) -> None:
    """PSNR and SSIM by both protocols, on one core."""
    clean = noisy_image(image, noise.get(1), 0)[0]
    noisy = noisy_image(replace(image, name="z"), noise.get(1), 0)[1]
    score(noisy, clean)  # warm up
    each = statistics.median(seconds(lambda: score(noisy, clean)) for _ in range(PAIRS)) / (HEIGHT * WIDTH / 1e6)
    record_property("seconds a megapixel", each)
    print(f"\nscores: {each:.3f} s a megapixel (at most 0.3 is asked for)")

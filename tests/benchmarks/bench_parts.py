"""Speed of the parts: sampling, solving, a training step of each method, metrics, the check of test against training images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import methods
import noise
from bench.cells.metrics import score
from bench.data.apart.separation import Fingerprint, check
from bench.plan.seeds import generator_of
from bench.plan.settings import PRESETS
from bench.training.networks import make_network
from methods import Batch

Benchmark = Callable[..., Any]
QUICK = PRESETS["quick"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def image() -> torch.Tensor:
    return 1 + 254 * torch.rand(3, 256, 256, generator=generator_of("benchmark image"))


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def bench_sample(benchmark: Benchmark, model: noise.NoiseModel, image: torch.Tensor) -> None:
    benchmark(model.sample, image, generator_of("benchmark noise"))


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def bench_solve(benchmark: Benchmark, model: noise.NoiseModel, image: torch.Tensor) -> None:
    y = model.sample(image, generator_of("benchmark noise"))
    s = 0.01 * torch.randn(y.shape, generator=generator_of("benchmark score"))
    benchmark(model.solve, y, s, sigma_a=5.0)


@pytest.mark.parametrize("slug", [slug for slug, method in methods.catalogue().items() if method.trains])
def bench_training_step(benchmark: Benchmark, slug: str) -> None:
    """Forward, loss and backward of the quick preset's network and batch, on noise model No. 1."""
    method, model = methods.get(slug), noise.get(1)
    network = make_network(QUICK)
    clean = 255 * torch.rand(QUICK.patches, 3, QUICK.patch, QUICK.patch, generator=generator_of("benchmark patches"))
    generator = generator_of("benchmark step")
    noisy, second = model.sample(clean, generator), model.sample(clean, generator) if method.pairs else None
    batch = Batch(noisy, clean if method.supervised else None, model, 0.5, generator, second)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        method.loss(network, batch).backward()

    benchmark.pedantic(step, rounds=10, warmup_rounds=2)  # type: ignore[attr-defined]


def bench_metrics(benchmark: Benchmark, image: torch.Tensor) -> None:
    clean = image.round()
    benchmark(score, clean + 5 * torch.randn(clean.shape, generator=generator_of("benchmark error")), clean)


def bench_separation(benchmark: Benchmark) -> None:
    """100 test images against 1000 training images, by their fingerprints."""
    rng = np.random.default_rng(0)
    prints = [Fingerprint(str(i), rng.normal(size=(8, 8)), "") for i in range(1100)]
    benchmark(check, prints[:100], prints[100:])

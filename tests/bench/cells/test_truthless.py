"""Scores without truth, against the truth that a simulation has, and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import noise
from bench.cells.truthless import ring_correlation, score_truthless, unbiased_mse, whiteness
from bench.plan.scores import TRUTHLESS

CLEAN = torch.from_numpy(gaussian_filter(np.random.default_rng(0).normal(size=(1, 128, 128)), (0, 2, 2)) * 300 + 120)
CLEAN = CLEAN.clamp(min=1)


def _shots(slug: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    model, generator = noise.get(slug), torch.Generator().manual_seed(seed)
    return model.sample(CLEAN, generator), model.sample(CLEAN, generator)


def _blurred(y: torch.Tensor, sigma: float) -> torch.Tensor:
    return torch.from_numpy(gaussian_filter(y.numpy(), (0, sigma, sigma)))


@pytest.mark.parametrize("slug", ["gaussian", "gaussian-conv", "poisson", "gamma"])
def test_umse_agrees_with_the_true_error_within_its_standard_error(slug: str) -> None:
    """Of 40 draws: the mean of (uMSE - error) / standard error is within 3 of its own, and its deviation near 1."""
    deviations = []
    for seed in range(40):
        y, again = _shots(slug, seed)
        denoised = _blurred(y, 1.0)
        found, error = unbiased_mse(denoised, y, again)
        deviations.append((found - float((denoised - CLEAN).square().mean())) / error)
    assert abs(float(np.mean(deviations))) < 3 / math.sqrt(40)
    assert 0.6 < float(np.std(deviations)) < 1.4


def test_umse_of_the_truth_itself_may_be_negative() -> None:
    found = [unbiased_mse(CLEAN, *_shots("gaussian", seed)) for seed in range(20)]
    assert min(value for value, _ in found) < 0 < max(value for value, _ in found)
    assert all(abs(value) < 4 * error for value, error in found)


def test_umse_of_the_noisy_image_is_half_the_squared_difference_of_the_shots() -> None:
    y, again = _shots("gaussian", 1)
    assert unbiased_mse(y, y, again)[0] == pytest.approx(float((y - again).square().mean()) / 2, rel=1e-12)


def test_ring_correlation_is_one_with_itself_and_none_with_noise() -> None:
    y, again = _shots("gaussian", 2)
    assert ring_correlation(y, y) == pytest.approx(1, abs=1e-9)
    assert abs(ring_correlation(y - CLEAN, again - CLEAN)) < 0.05
    assert ring_correlation(y, again) < ring_correlation(CLEAN, again) < 1


def test_ring_correlation_does_not_reward_a_blur() -> None:
    y, again = _shots("gaussian", 3)
    assert ring_correlation(_blurred(y, 1.5), again) == pytest.approx(ring_correlation(y, again), abs=0.03)


def test_whiteness_tells_white_noise_from_correlated_one_and_from_image() -> None:
    white = torch.randn(3, 200, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert whiteness(white) == pytest.approx((0, 0), abs=0.02)
    below = (white[:, 1:] + white[:, :-1]) / math.sqrt(2)
    assert whiteness(below) == pytest.approx((0.5, 0), abs=0.02)
    assert min(whiteness(CLEAN)) > 0.8
    assert whiteness(torch.zeros(1, 32, 32)) == (0, 0)


def test_what_can_be_had_is_told_and_nothing_else() -> None:
    y, again = _shots("gaussian", 4)
    assert tuple(score_truthless(y, y, again)) == TRUTHLESS
    assert tuple(score_truthless(y, y, None)) == TRUTHLESS[-2:]
    assert all(math.isnan(value) for value in score_truthless(y * math.inf, y, again).values())

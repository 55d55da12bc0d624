"""The law of noise from noisy images alone: known laws on smooth images, what cannot be told, and what is doubtful."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import noise
from bench.estimation.curves import Fit
from bench.estimation.estimating import Estimate, Picture, Untellable, estimate, measured
from bench.estimation.judging import rms
from bench.estimation.laws import Law
from bench.plan.seeds import generator_of

SIDE = 192


def smooth(channels: int) -> torch.Tensor:
    """Patches of gentle slopes, 10 to 245 grey levels, each channel in another order."""
    levels = torch.linspace(10, 245, 64).reshape(8, 8)
    flat = torch.stack([levels, levels.T, levels.flip(0)])[:channels]
    ramp = torch.linspace(0, 6, SIDE // 8)
    return torch.kron(flat, torch.ones(1, SIDE // 8, SIDE // 8)) + ramp.repeat(8)


def noisy(model: noise.NoiseModel, channels: int = 3) -> Picture:
    y = model.sample(smooth(channels), generator_of("estimate", model.slug))
    return Picture(model.slug, np.moveaxis(y.numpy(), 0, 2))


@pytest.mark.parametrize("number", [1, 4, 6, 7, 12, 15])
def test_a_law_is_recovered_with_its_parameters(number: int) -> None:
    model = noise.get(number)
    found = estimate([noisy(model)])
    assert found.law.family == model.slug and not found.doubts
    for name, value in model.parameters.items():
        if value:
            key = "added" if name == "sigma" and found.law.added else name
            # 0.1 grey levels of a and scale are less than what 100 000 pixels tell
            assert found.law.parameters[key] == pytest.approx(value, rel=0.1), name
    assert found.sd == pytest.approx(rms(found.law, found.judgement.view))


def test_other_levels_than_the_tables_are_told() -> None:
    found = estimate([noisy(noise.get("poisson+gaussian", lam=1.5, sigma=4.0))])
    assert found.law.family == "poisson+gaussian"
    assert found.law.parameters["lam"] == pytest.approx(1.5, rel=0.1)
    low, high = found.judgement.intervals["added"]
    assert low < 4.0 < high and high - low < 1.0


def test_one_channel_is_enough() -> None:
    found = estimate([noisy(noise.get("gaussian-conv", sigma=40.0), channels=1)])
    assert found.law.family == "gaussian-conv" and found.law.parameters["sigma"] == pytest.approx(40, rel=0.05)
    # a pixel's standard deviation after A: sqrt(0.21) of it
    assert found.sd == pytest.approx(40 * 0.21**0.5, rel=0.05)


def test_another_kernel_is_told_by_its_width() -> None:
    rng = np.random.default_rng(0)
    profile = np.exp(-0.5 * (np.arange(-4, 5) / 0.9) ** 2)
    profile /= profile.sum()
    white = rng.normal(0, 30, (3, SIDE, SIDE))
    for axis in (1, 2):
        white = sum(weight * np.roll(white, shift, axis) for weight, shift in zip(profile, range(-4, 5), strict=True))
    found = estimate([Picture("x", np.moveaxis(smooth(3).numpy() + white, 0, 2))])
    assert found.law.family == "gaussian-gauss"
    assert found.law.fit.kernel == pytest.approx(0.9, abs=0.05)
    assert found.law.expression.startswith("gaussian(conv=gauss(0.")


def test_the_expression_makes_the_model_again() -> None:
    found = estimate([noisy(noise.get(14))])
    again = noise.get(found.law.expression)
    assert again.convolution == noise.get(14).convolution and type(again.base) is type(noise.get(14).base)
    assert again.parameters["lam"] == pytest.approx(found.law.parameters["lam"], rel=0.005)
    assert again.gaussian == pytest.approx(found.law.parameters["added"], rel=0.005)


def test_images_of_one_law_narrow_its_intervals() -> None:
    pictures = [noisy(noise.get("gaussian", sigma=sigma)) for sigma in (20.0, 20.001, 20.002)]

    def width(found: Estimate) -> float:
        low, high = found.judgement.intervals["sigma"]
        return high - low

    assert width(estimate(pictures)) < width(estimate(pictures[:1]))


def test_the_same_image_gives_the_same_answer() -> None:
    first, second = (estimate([noisy(noise.get(11))]) for _ in range(2))
    assert first.law == second.law or first.law.expression == second.law.expression
    assert first.judgement.shares == second.judgement.shares and first.judgement.intervals == second.judgement.intervals


def test_clipping_and_jpeg_make_a_law_doubtful() -> None:
    picture = noisy(noise.get("gaussian", sigma=30.0))
    clipped = np.clip(np.round(picture.values), 0, 255)
    found = estimate([Picture("x", clipped, 255.0, compressed=True)])
    assert len(found.doubts) >= 3 and "JPEG" in found.doubts[0]
    assert any("clipped at black" in doubt for doubt in found.doubts)
    assert found.sureness == "law doubtful"
    assert found.sd == pytest.approx(30, rel=0.1) and found.sd == measured(found.judgement.view.means)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((64, 64, 3), 7.0), "constant"),
        (np.random.default_rng(0).normal(100, 5, (16, 64, 1)), "64x16 pixels: too small"),
    ],
)
def test_where_nothing_can_be_told_it_says_so(values: np.ndarray, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(Untellable, match=words):
        estimate([Picture("x", values)])


@pytest.mark.parametrize(("ratio", "told"), [(0.999, "gamma(alpha=1.01)"), (0.9, "gamma(alpha=1.11)")])
def test_what_is_told_is_an_expression_that_noise_takes(ratio: float, told: str) -> None:
    """Intensities of one radar look have the shape 1, at which the score ends."""
    law = Law("gamma", Fit("square", "", np.array([ratio]), 0.0, 0.0), False, 0.0)
    assert law.expression == told and noise.get(told).slug == told

"""The gains of score-solver-plus against brute force, a Wiener filter, and the gains that the clean image would give."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from torch.nn import functional as F

import methods
import noise
from methods._bands import annuli, combined, mirrored
from methods.score_solver_plus import ScoreSolverPlus
from noise import guards

PLUS = ScoreSolverPlus()
Seeded = Callable[[int], torch.Generator]


def normal(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (96, 64)])
def test_combination_is_the_least_squares_of_each_annulus(size: tuple[int, int]) -> None:
    """Against all frequencies of the complex FFT, annulus by annulus, solved by numpy."""
    h, u, d, n = (normal((1, 3, *size), seed).numpy() for seed in range(4))
    H, U, D, N = (np.fft.fft2(image) for image in (h, u, d, n))
    count = min(12, min(size) // 16)
    radius = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None])
    index = np.minimum((np.sqrt(radius / np.sqrt(0.5)) * count).astype(int), count - 1)
    expected = np.zeros_like(H)
    for annulus in range(count):
        here = index == annulus

        def inner(p: np.ndarray, q: np.ndarray, here: np.ndarray = here) -> float:
            return float((p * q.conj()).real[..., here].sum())

        floor = 1e-4 * size[0] * size[1] * 3 * here.sum()
        matrix = np.array([[inner(H, H) * 1.001 + floor, inner(H, U)], [inner(H, U), inner(U, U) * 1.001 + floor]])
        gains = np.linalg.solve(matrix, [inner(H, U) - inner(D, N), inner(U, U) - inner(N, N)])
        expected[..., here] = gains[0] * H[..., here] + gains[1] * U[..., here]
    result = combined(*(torch.from_numpy(image) for image in (h, u, d, n)), bands=count, ridge=1e-3, mirror=False)
    np.testing.assert_allclose(result.numpy(), np.fft.ifft2(expected).real, rtol=0, atol=1e-9)


def test_mirror_images_make_it_the_least_squares_of_bands_of_the_cosine_transform() -> None:
    """Against scipy's, whose frequency k of n is k / 2n."""
    h, u, d, n = (normal((1, 3, 40, 49), seed).cumsum(dim=-1).numpy() for seed in range(4))  # opposite edges differ
    H, U, D, N = (dctn(image, axes=(2, 3), norm="ortho") for image in (h, u, d, n))
    radius = np.hypot(np.arange(40)[:, None] / 80, np.arange(49)[None] / 98)
    index = np.minimum((np.sqrt(radius / np.sqrt(0.5)) * 2).astype(int), 1)
    expected = np.zeros_like(H)
    for band in range(2):
        h_, u_, d_, n_ = (image[..., index == band] for image in (H, U, D, N))
        matrix = np.array([[(h_ * h_).sum() * 1.001, (h_ * u_).sum()], [(h_ * u_).sum(), (u_ * u_).sum() * 1.001]])
        gains = np.linalg.solve(matrix, [(h_ * u_).sum() - (d_ * n_).sum(), (u_ * u_).sum() - (n_ * n_).sum()])
        expected[..., index == band] = gains[0] * h_ + gains[1] * u_
    result = combined(*(torch.from_numpy(image) for image in (h, u, d, n)), bands=2, ridge=1e-3, mirror=True)
    np.testing.assert_allclose(result.numpy(), idctn(expected, axes=(2, 3), norm="ortho"), rtol=0, atol=2e-4 * np.abs(u).max())


def test_opposite_edges_do_not_leak_into_each_other(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    """Bright to the left, dark to the right, solved as three quarters of y: at the edges as right as in the middle."""
    model = noise.get(1)
    x = torch.linspace(240, 10, 96, dtype=torch.float64).expand(1, 3, 96, 96)
    y = x + 25 * normal((1, 3, 96, 96), 1)
    monkeypatch.setattr(noise.NoiseModel, "solve", lambda self, y, s, **options: 0.75 * mean_of(y, 5))
    error = (PLUS.denoise(torch.zeros_like, y, model, seeded(2)) - x).abs().mean(dim=(0, 1, 2))
    assert float(error[[0, -1]].max()) < 25  # of a mean over both edges it is 50 and more


def test_annuli_cover_all_frequencies() -> None:
    index = annuli(200, 301, 12)
    assert index.shape == (200, 151)
    assert set(index.unique().tolist()) == set(range(12))
    assert index[0, 0] == 0 and index[100, 150] == 11


@pytest.mark.parametrize("gain", [0.0, 0.3, 1.0, 2.0])
def test_any_gain_becomes_that_of_the_wiener_filter(gain: float, monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    """x white with standard deviation 40, y = x + N(0, 25^2): whatever multiple of y was solved, 0.719 y is best."""
    model = noise.get(1)
    x = 40 * normal((1, 3, 256, 256), 0)
    y = x + 25 * normal((1, 3, 256, 256), 1)
    monkeypatch.setattr(noise.NoiseModel, "solve", lambda self, y, s, **options: gain * y)
    result = PLUS.denoise(torch.zeros_like, y, model, seeded(2))
    best = 40**2 / (40**2 + 25**2) * y
    assert float((result - best).square().mean().sqrt()) < 0.02 * float(best.std())


Solver = Callable[[noise.NoiseModel, torch.Tensor], torch.Tensor]


def mean_of(image: torch.Tensor, side: int) -> torch.Tensor:
    """Mean over a square around each pixel of a periodic image."""
    return F.avg_pool2d(F.pad(image, [side // 2] * 4, mode="circular"), side, stride=1)


def blurred(model: noise.NoiseModel, y: torch.Tensor) -> torch.Tensor:
    return mean_of(model.unbiased(y), 5) * 0.9 + 20


def lopsided(model: noise.NoiseModel, y: torch.Tensor) -> torch.Tensor:
    """Leaves more of what is below the local mean than of what is above it, as a score learnt on skewed noise does."""
    u = model.unbiased(y)
    residual = u - mean_of(u, 5)
    return u - residual + 0.5 * residual.clamp(max=0) + 0.2 * residual.clamp(min=0)


def decibels_lost(number: int, solver: Solver, monkeypatch: pytest.MonkeyPatch, seeded: Seeded, seed: int = 2) -> float:
    """PSNR below that of the two gains a band that the clean image gives, with noise of seed 1.

    Of the solver's image it is 0.8 dB at least.
    """
    model = noise.get(number)
    smooth, texture = (F.avg_pool2d(normal((1, 3, 128 + side, 128 + side), side), side + 1, stride=1) for side in (14, 2))
    x = (110 + 45 * smooth / smooth.std() + 12 * texture / texture.std()).clamp(8, 247)
    y = model.sample(x, seeded(1))
    monkeypatch.setattr(noise.NoiseModel, "solve", lambda self, y, s, **options: solver(self, y))
    solved, unbiased = solver(model, y), model.unbiased(y)
    result = PLUS.denoise(torch.zeros_like, y, model, seeded(seed))

    images = [mirrored(image) if model.convolution is None else image for image in (solved, unbiased, x)]
    H, U, X = (torch.fft.fft2(image).flatten(2) for image in images)
    frequencies = torch.fft.fftfreq(images[0].shape[-1])
    radius = torch.hypot(frequencies[:, None], frequencies[None])
    index = ((radius / 0.5**0.5).sqrt() * 8).long().clamp(max=7).flatten()
    least = 0.0
    for annulus in range(8):
        basis = torch.stack([image[..., index == annulus].flatten() for image in (H, U)], dim=1)
        basis, target = torch.view_as_real(basis).transpose(1, 2).reshape(-1, 2), X[..., index == annulus].flatten()
        target = torch.view_as_real(target).reshape(-1)
        gains = torch.linalg.lstsq(basis, target[:, None]).solution[:, 0]
        least += float((basis @ gains - target).square().sum())
    least /= H.numel() * images[0].shape[-1] ** 2
    assert float((solved - x).square().mean()) > 1.2 * least
    return 10 * math.log10(float((result - x).square().mean()) / least)


@pytest.mark.parametrize("solver", [blurred, lopsided])
@pytest.mark.parametrize("number", range(1, 17))
def test_gains_are_nearly_those_that_the_clean_image_would_give(
    number: int, solver: Solver, monkeypatch: pytest.MonkeyPatch, seeded: Seeded
) -> None:
    """On every base, with A and added noise. With a probe of the right covariance alone, lopsided loses 0.5 dB on No. 9."""
    assert -1e-6 < decibels_lost(number, solver, monkeypatch, seeded) < 0.12


def shrunk(model: noise.NoiseModel, y: torch.Tensor) -> torch.Tensor:
    """The local Wiener filter, which answers to the noise that is there unlike to any other of the same law."""
    mean = mean_of(y, 5)
    variance = mean_of(y.square(), 5) - mean.square()
    return mean + (1 - model.std(mean) ** 2 / variance).clamp(min=0) * (y - mean)


def test_the_seed_that_drew_the_noise_is_as_good_as_any(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    """The probe is not the noise again, which would cost 14 dB here."""
    assert decibels_lost(1, shrunk, monkeypatch, seeded, seed=1) < 0.1


@pytest.mark.parametrize("number", [1, 4, 5, 9, 14])
@pytest.mark.parametrize("method", ["score-solver", "score-solver-plus"])
def test_a_law_corrected_after_the_training_is_taken_everywhere_but_in_the_score(
    method: str, number: int, tiny_network: Callable[..., torch.nn.Module], seeded: Seeded
) -> None:
    """As a network that gives, under the corrected law, the score that this one gives under the trained one."""
    solver, trained, network = methods.get(method), noise.get(number), tiny_network()
    assert isinstance(solver, methods.ScoreMethod)
    assumed = noise.varied(trained, **{name: 1.2 * value for name, value in trained.parameters.items()})
    score = solver.matching.score
    y = trained.sample(torch.full((1, 3, 32, 32), 90.0), seeded(0))

    def other(y: torch.Tensor) -> torch.Tensor:
        return network(y) * score(torch.ones_like, y, trained) / score(torch.ones_like, y, assumed)

    with torch.no_grad():
        result = solver.denoise_assuming(network, y, trained, assumed, seeded(1))
        expected = solver.denoise(other, y, assumed, seeded(1))
        usual = solver.denoise(network, y, trained, seeded(1))
        torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-2)
        assert torch.equal(solver.denoise_assuming(network, y, trained, trained, seeded(1)), usual)
    assert (result - usual).abs().max() > 0.1


def test_it_shares_the_score_solvers_network_and_needs_no_guard_counts_of_its_own(
    tiny_network: Callable[..., torch.nn.Module], seeded: Seeded
) -> None:
    solver, plus = methods.get("score-solver"), methods.get("score-solver-plus")
    assert plus.learns() == solver.learns()
    model, network = noise.get(11), tiny_network()
    y = model.sample(torch.full((1, 3, 32, 32), 4.0), seeded(0))
    with guards.count() as once:
        solver.denoise(network, y, model, seeded(1))
    with guards.count() as counts:
        plus.denoise(network, y, model, seeded(1))
    assert counts == once and sum(once.values()) > 0


def test_black_image_stays_finite(seeded: Seeded) -> None:
    for model in noise.catalogue():
        result = PLUS.denoise(torch.zeros_like, torch.zeros(1, 3, 20, 20), model, seeded(0))
        assert result.isfinite().all(), model.slug

"""The gains of score-solver-plus against brute force, a Wiener filter, and the gains that the clean image would give."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from torch.nn import functional as F

import methods
import noise
from methods._bands import annuli, combined, cosines, from_cosines
from methods.score_solver_plus import ScoreSolverPlus
from noise import guards

PLUS = ScoreSolverPlus()
#: Of the images whose gains are compared with the best: some thousand coefficients for each of four gains a band.
SIDE, BANDS = 192, 7
Seeded = Callable[[int], torch.Generator]


def normal(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


AXES = np.linalg.qr(np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]).T.astype(float))[0].T  # but for signs


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("size", [(32, 48), (33, 47), (96, 64)])
@pytest.mark.parametrize("periodic", [True, False])
def test_combination_is_the_least_squares_of_each_annulus(periodic: bool, size: tuple[int, int], colours: int) -> None:
    """Against numpy's complex FFT, or scipy's DCT, annulus by annulus, of brightness and of both differences of colours."""
    images = [normal((1, colours, *size), seed).cumsum(dim=-1).numpy() for seed in range(4)]
    axes = AXES if colours == 3 else np.ones((1, 1))
    turned = [np.einsum("ij,njhw->nihw", axes, image) for image in images]
    if periodic:
        H, U, D, N = (np.fft.fft2(image, norm="ortho") for image in turned)
        frequencies = [np.fft.fftfreq(side) for side in size]
    else:
        H, U, D, N = (dctn(image, axes=(2, 3), norm="ortho") for image in turned)
        frequencies = [np.arange(side) / (2 * side) for side in size]
    count = min(12, min(size) // 16)
    index = np.minimum(
        (np.sqrt(np.hypot(frequencies[0][:, None], frequencies[1]) / np.sqrt(0.5)) * count).astype(int), count - 1
    )
    index[0, 0] = -1
    expected = U.copy()
    for annulus, group in product(range(count), [[0], [1, 2]] if colours == 3 else [[0]]):
        h, u, d, n = (image[0, group][:, index == annulus] for image in (H, U, D, N))

        def inner(p: np.ndarray, q: np.ndarray) -> float:
            return float((p * q.conj()).real.sum())

        held = 10 * inner(n, n) / n.size + 1e-4 * n.size
        matrix = np.array([[inner(h, h) + held, inner(h, u)], [inner(h, u), inner(u, u) + held]])
        gains = np.linalg.solve(matrix, [inner(h, u) - inner(d, n) + held, inner(u, u) - inner(n, n)])
        for row, channel in enumerate(group):
            expected[0, channel, index == annulus] = gains[0] * h[row] + gains[1] * u[row]
    back = np.fft.ifft2(expected, norm="ortho").real if periodic else idctn(expected, axes=(2, 3), norm="ortho")
    result = combined(*(torch.from_numpy(image) for image in images), bands=count, prior=10, periodic=periodic)
    np.testing.assert_allclose(result.numpy(), np.einsum("ji,njhw->nihw", axes, back), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 4), (33, 48)])
def test_cosines_are_scipy_s_and_come_back(size: tuple[int, int]) -> None:
    image = normal(size, 0)
    np.testing.assert_allclose(cosines(image).numpy(), dctn(image.numpy(), norm="ortho"), rtol=0, atol=1e-13)
    torch.testing.assert_close(from_cosines(cosines(image)), image, rtol=0, atol=1e-13)


def test_opposite_edges_do_not_leak_into_each_other(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    """Bright to the left, dark to the right, solved as three quarters of y: at the edges as right as in the middle."""
    model = noise.get(1)
    x = torch.linspace(240, 10, 96, dtype=torch.float64).expand(1, 3, 96, 96)
    y = x + 25 * normal((1, 3, 96, 96), 1)
    monkeypatch.setattr(noise.NoiseModel, "solve", lambda self, y, s, **options: 0.75 * mean_of(y, 5))
    error = (PLUS.denoise(torch.zeros_like, y, model, seeded(2)) - x).abs().mean(dim=(0, 1, 2))
    assert float(error[[0, -1]].max()) < 25  # of a mean over both edges it is 50 and more


@pytest.mark.parametrize("periodic", [True, False])
def test_annuli_cover_all_frequencies(periodic: bool) -> None:
    index, weights = annuli(200, 301, 12, periodic)
    assert index.shape == weights.shape == (200, 151 if periodic else 301)
    assert set(index.unique().tolist()) == set(range(12)) and weights.sum() == 200 * 301
    assert index[0, 0] == 0 and index[100 if periodic else 199, -1] == 11


def test_tiny_images_are_left_as_they_are_solved(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    monkeypatch.setattr(noise.NoiseModel, "solve", lambda self, y, s, **options: 0.5 * y)
    for side, left in ((1, True), (31, True), (32, False)):
        y = 100 + 25 * normal((1, 3, side, 40), 1)
        assert torch.equal(PLUS.denoise(torch.zeros_like, y, noise.get(1), seeded(2)), 0.5 * y) == left


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
    smooth, texture = (F.avg_pool2d(normal((1, 3, SIDE + side, SIDE + side), side), side + 1, stride=1) for side in (14, 2))
    x = (110 + 45 * smooth / smooth.std() + 12 * texture / texture.std()).clamp(8, 247)
    y = model.sample(x, seeded(1))
    monkeypatch.setattr(noise.NoiseModel, "solve", lambda self, y, s, **options: solver(self, y))
    solved, unbiased = solver(model, y), model.unbiased(y)
    result = replace(PLUS, bands=BANDS).denoise(torch.zeros_like, y, model, seeded(seed))

    axes = torch.from_numpy(AXES).to(x)
    turned = [torch.einsum("ij,njhw->nihw", axes, image) for image in (solved, unbiased, x)]
    if model.convolution is None:
        H, U, X = (torch.from_numpy(dctn(image.numpy(), axes=(2, 3), norm="ortho")).to(torch.complex128) for image in turned)
        frequencies = torch.arange(SIDE) / (2 * SIDE)
    else:
        H, U, X = (torch.fft.fft2(image, norm="ortho").to(torch.complex128) for image in turned)
        frequencies = torch.fft.fftfreq(SIDE)
    index = ((torch.hypot(frequencies[:, None], frequencies) / 0.5**0.5).sqrt() * BANDS).long().clamp(max=BANDS - 1)
    least = 0.0
    for annulus, group in product(range(BANDS), ([0], [1, 2])):
        parts = [torch.view_as_real(image[0, group][:, index == annulus]).flatten() for image in (H, U, X)]
        basis, target = torch.stack(parts[:2], dim=1), parts[2]
        gains = torch.linalg.lstsq(basis, target[:, None]).solution[:, 0]
        least += float((basis @ gains - target).square().sum())
    least /= x.numel()
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

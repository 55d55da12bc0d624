"""The gains of score-solver-plus against brute force, a Wiener filter, and the gains that the clean image would give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import methods
import noise
from methods.score_solver_plus import ScoreSolverPlus, _annuli
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
    result = PLUS._combine(*(torch.from_numpy(image) for image in (h, u, d, n)))
    np.testing.assert_allclose(result.numpy(), np.fft.ifft2(expected).real, rtol=0, atol=1e-9)


def test_annuli_cover_all_frequencies() -> None:
    index = _annuli(200, 301, 12)
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


@pytest.mark.parametrize("number", [1, 4, 5, 9, 12, 14, 16])
def test_gains_are_nearly_those_that_the_clean_image_would_give(
    number: int, monkeypatch: pytest.MonkeyPatch, seeded: Seeded
) -> None:
    """On a smooth random image and a blur for a solver: the risk is within 3 % of the least that two gains a band can have."""
    model = noise.get(number)
    x = F.avg_pool2d(normal((1, 3, 270, 270), 0), 15, stride=1)
    x = 120 + 40 * x / x.std()
    y = model.sample(x.clamp(min=1), seeded(1))

    def blurred(self: noise.NoiseModel, y: torch.Tensor, s: torch.Tensor, **options: float) -> torch.Tensor:
        return F.avg_pool2d(F.pad(self.unbiased(y), [2] * 4, mode="circular"), 5, stride=1) * 0.9 + 20

    monkeypatch.setattr(noise.NoiseModel, "solve", blurred)
    solved, unbiased = blurred(model, y, y), model.unbiased(y)
    result = PLUS.denoise(torch.zeros_like, y, model, seeded(2))

    H, U, X = (torch.fft.fft2(image).flatten(2) for image in (solved, unbiased, x))
    rows = torch.fft.fftfreq(x.shape[-2])[:, None]
    columns = torch.fft.fftfreq(x.shape[-1])[None]
    index = ((torch.hypot(rows, columns) / 0.5**0.5).sqrt() * 12).long().clamp(max=11).flatten()
    least = 0.0
    for annulus in range(12):
        basis = torch.stack([image[..., index == annulus].flatten() for image in (H, U)], dim=1)
        basis, target = torch.view_as_real(basis).transpose(1, 2).reshape(-1, 2), X[..., index == annulus].flatten()
        target = torch.view_as_real(target).reshape(-1)
        gains = torch.linalg.lstsq(basis, target[:, None]).solution[:, 0]
        least += float((basis @ gains - target).square().sum())
    risk = float((result - x).square().mean())
    assert risk < 1.03 * least / x.numel() / (x.shape[-1] * x.shape[-2]) + 0.05
    assert risk < float((solved - x).square().mean())


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

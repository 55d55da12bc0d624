"""`solve(..., iterations=n)` against the paper's Algorithms 2-5, transcribed here in numpy with a dense matrix A."""

import numpy as np
import pytest
import torch
from scipy import ndimage

import noise

MODELS = pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]])
HEIGHT, WIDTH = 6, 5
UNITS = np.eye(HEIGHT * WIDTH).reshape(-1, HEIGHT, WIDTH)
DENSE = np.stack([ndimage.convolve(unit, KERNEL, mode="wrap").ravel() for unit in UNITS], axis=1)
#: The others are closed forms, or end in one.
ITERATED = {3, 4, 9, 10, 15, 16}


def algorithm_2(y, s, a, std, n):
    """x <- Sigma(x) s + y with Sigma(x) = A^T diag(std(x))^2 A (a = None: no A); also Eq. 10, for a constant std."""
    x = y
    for _ in range(n):
        x = (std(x) ** 2 * s if a is None else a.T @ (std(x) ** 2 * (a @ s))) + y
    return x


def algorithm_3(y, s, sigma, n):
    x = y
    for _ in range(n):
        b = sigma**2 * s * x
        t = 0.5 * (-b + np.sqrt(b * b + 4 * sigma**2))
        x = y / (t + 1)
    return x


def equation_12(y, s, alpha):
    return alpha * y / (alpha - 1 - y * s)


def equation_14(y, s, lam):
    return (y + 1 / (2 * lam)) * np.exp(s / lam)


def paper(number, y, s, n):
    """x for one flattened channel, with the paper's parameters; Nos. 3 and 4 with the corrected slope."""
    a = DENSE if number % 2 == 0 else None
    if number <= 4:
        return algorithm_2(y, s, a, (lambda x: np.full_like(x, 25)) if number <= 2 else (lambda x: 25 / 255 * x + 25), n)
    if number >= 11:  # Algorithm 5
        y = y + 10**2 * s
    if a is not None:  # Algorithm 4
        y, s = np.linalg.solve(a, y), a.T @ s
    base = (number - 5) // 2 % 3
    return equation_12(y, s, 26) if base == 0 else equation_14(y, s, 0.2) if base == 1 else algorithm_3(y, s, 0.3, n)


def draw(model, size, spread, seed):
    """y of a sample, with its score where there is one or that of No. n - 6, times random factors around 1."""
    generator = torch.Generator().manual_seed(seed)
    x = 1 + 254 * torch.rand(3, *size, generator=generator, dtype=torch.float64)
    y = model.sample(x, generator)
    scored = model if model.number <= 10 else noise.get(model.number - 6)
    s = scored.score(x, scored.sample(x, generator))
    return y, s * (1 + spread * torch.randn(s.shape, generator=generator, dtype=s.dtype))


@MODELS
@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0], ids=["exact", "poor", "hopeless"])
@pytest.mark.parametrize("iterations", [1, 2, 10])
def test_iterations_follow_the_paper_to_the_letter(model, spread, iterations):
    for seed in range(3):
        y, s = draw(model, (HEIGHT, WIDTH), spread, seed)
        got = model.solve(y, s, iterations=iterations).numpy()
        for channel in range(3):
            with np.errstate(all="ignore"):
                expected = paper(model.number, y[channel].numpy().ravel(), s[channel].numpy().ravel(), iterations)
            # The FFT spreads rounding errors over a channel, so they are measured against its largest value.
            scale = np.abs(expected[np.isfinite(expected)]).max()
            np.testing.assert_allclose(got[channel].ravel(), expected, rtol=1e-7, atol=1e-9 * scale)


@pytest.mark.parametrize("number", range(1, 17, 2))
def test_nothing_is_guarded_where_the_paper_guards_nothing(number):
    """Infinite and undefined results stay so; only without A, which would spread them over the channel."""
    edges = [0.0, 1.0, -1.0, 25.0, -40.0, 1e-3, 255.0, 1e4, -1e4, 1e170, -1e170, 1e300, np.inf, np.nan]
    y, s = (grid.ravel() for grid in np.meshgrid(edges, edges))
    with np.errstate(all="ignore"):
        expected = paper(number, y, s, 10)
    assert not np.isfinite(expected).all()
    got = noise.get(number).solve(torch.from_numpy(y)[None, None], torch.from_numpy(s)[None, None], iterations=10)
    np.testing.assert_allclose(got.numpy().ravel(), expected, rtol=1e-9, equal_nan=True)


def test_gamma_pole_is_infinite_as_in_the_paper():
    """alpha - 1 - y s = 0."""
    y, s = torch.full((1, 1, 1), 25.0), torch.full((1, 1, 1), 1.0)
    assert noise.get("gamma").solve(y, s, iterations=10).isinf().all()


@MODELS
def test_iterations_matter_only_where_there_is_no_closed_form(model):
    y, s = draw(model, (7, 9), 0.3, 0)
    one, ten, many = (model.solve(y, s, iterations=n) for n in (1, 10, 1000))
    if model.number in ITERATED:
        assert float((one - ten).abs().max()) > 1e-3
    else:
        assert torch.equal(one, ten)
        assert torch.equal(ten, many)


@pytest.mark.parametrize("number", [5, 6, 7, 8, 9, 10])
def test_the_undocumented_gaussian_noise_is_solved_by_algorithm_5(number):
    """`extra_sigma=10` makes Nos. 5-10 equal to Nos. 11-16, whose Algorithm 5 is tested above."""
    model, mixture = noise.get(number, extra_sigma=10), noise.get(number + 6)
    y, s = draw(mixture, (7, 9), 0.3, 0)
    assert torch.equal(model.solve(y, s, iterations=10), mixture.solve(y, s, iterations=10))
    assert model.law == mixture.law

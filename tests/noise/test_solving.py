"""`solve`: exact scores give the clean image back, with and without sigma_a, and nothing is biased by the guards."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

import noise

EXACT = pytest.mark.parametrize("number", range(1, 11))
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]])


def draw(model, shape, seed, low=1.0):
    generator = torch.Generator().manual_seed(seed)
    x = low + (255 - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
    return x, model.sample(x, generator)


def assert_solved(got, x, tolerance=1e-6):
    torch.testing.assert_close(got, x, rtol=0, atol=tolerance)


@EXACT
@pytest.mark.parametrize(
    ("shape", "seed"), [((2, 3, 256, 255), 0), ((3, 129, 97), 1), ((4, 1, 64, 64), 2), ((1, 1, 7), 3), ((1, 2, 2), 4)]
)
def test_exact_score_gives_the_clean_image_back(number, shape, seed):
    model = noise.get(number)
    x, y = draw(model, shape, seed)
    assert_solved(model.solve(y, model.score(x, y)), x)


@EXACT
def test_dark_and_bright_constant_images_too(number):
    model = noise.get(number)
    for level in (1.0, 255.0):
        x = torch.full((3, 64, 63), level, dtype=torch.float64)
        y = model.sample(x, torch.Generator().manual_seed(5))
        assert_solved(model.solve(y, model.score(x, y)), x)


@pytest.mark.parametrize(
    ("number", "parameters"),
    [
        (1, {"sigma": 100}),
        (2, {"sigma": 1}),
        (3, {"a": 0.05, "b": 5}),
        (3, {"a": 0}),
        (4, {"a": 0.05, "b": 40}),
        (4, {"a": 0}),
        (5, {"alpha": 1.5}),
        (6, {"alpha": 200}),
        (7, {"lam": 0.01}),
        (8, {"lam": 5}),
        (9, {"scale": 3}),
        (10, {"scale": 0.05}),
    ],
    ids=str,
)
def test_other_parameters_are_solved_too(number, parameters):
    """Rayleigh's scale 3 is beyond sqrt(2), where the right start for Newton's method depends on it."""
    model = noise.get(number, **parameters)
    x, y = draw(model, (3, 65, 64), 6)
    assert_solved(model.solve(y, model.score(x, y)), x)


def test_rayleigh_root_is_found_where_the_score_nearly_vanishes():
    """Pixels with s y near 1 put the cubic's linear coefficient at 0, for weak and strong noise."""
    for scale in (0.01, 0.3, 1.5, 10.0):
        x = torch.full((1, 1, 2001), 100.0, dtype=torch.float64)
        t = scale * torch.linspace(0.01, 6, 2001, dtype=torch.float64)
        model = noise.get("rayleigh", scale=scale)
        y = x * (1 + t)
        for part in (slice(None), *(slice(i, i + 1) for i in range(0, 2001, 100))):  # also pixels on their own
            assert_solved(model.solve(y[..., part], model.score(x, y)[..., part]), x[..., part])


@EXACT
def test_float32_is_solved_to_its_precision(number):
    model = noise.get(number)
    x, y = draw(model, (3, 64, 65), 7)
    got = model.solve(y.float(), model.score(x, y).float())
    assert got.dtype == torch.float32
    # Where No. 3's two roots meet, rounding errors grow by up to a square root; through A^-1 they grow by 5 twice.
    assert float((got.double() - x).abs().mean()) < 1e-3
    assert float((got.double() - x).abs().max()) < 0.5


@pytest.mark.parametrize("number", range(1, 17))
def test_inputs_are_not_written_to(number):
    model = noise.get(number)
    _, y = draw(model, (3, 8, 9), 8)
    y[0, 0, 0] = -1e9
    s = torch.full_like(y, 1e9)
    before = y.clone()
    model.solve(y, s)
    assert torch.equal(y, before)
    assert (s == 1e9).all()


# --- sigma_a: the score of y + sigma_a u


def dense(height, width):
    units = np.eye(height * width).reshape(-1, height, width)
    return torch.from_numpy(np.stack([ndimage.convolve(unit, KERNEL, mode="wrap").ravel() for unit in units], axis=1))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("sigma_a", [1.3, 5.1, 25.0])
def test_sigma_a_counts_with_the_covariance_of_additive_noise(number, sigma_a):
    """y + sigma_a u has covariance A diag(std)^2 A^T + sigma_a^2: its score, by a dense solve, gives x back."""
    size = (7, 6)
    model = noise.get(number)
    a = dense(*size) if number in (2, 4) else torch.eye(42, dtype=torch.float64)
    for seed in range(5):
        x, y = draw(model, (3, *size), seed)
        y = y + sigma_a * torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=y.dtype)
        s = torch.empty_like(y)
        for channel in range(3):
            root = a * (25 + (25 / 255 if number > 2 else 0) * x[channel].flatten())
            covariance = root @ root.T + sigma_a**2 * torch.eye(42, dtype=torch.float64)
            s[channel] = torch.linalg.solve(covariance, (x - y)[channel].flatten()).reshape(size)
        assert_solved(model.solve(y, s, sigma_a=sigma_a), x)
        if number <= 2:  # a closed form for the paper's algorithms as well
            assert_solved(model.solve(y, s, iterations=1, sigma_a=sigma_a), x)
        assert float((model.solve(y, s) - x).abs().max()) > 0.05  # it matters


@pytest.mark.parametrize("number", range(5, 17))
@pytest.mark.parametrize("iterations", [None, 10])
def test_sigma_a_counts_with_the_added_gaussian_of_the_others(number, iterations):
    model, sigma_a = noise.get(number), 5.1
    key = "extra_sigma" if number <= 10 else "sigma"
    wider = noise.get(number, **{key: math.hypot(model.gaussian, sigma_a)})
    _, y = draw(wider, (3, 33, 20), number)
    s = 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0), dtype=y.dtype)
    got, expected = model.solve(y, s, iterations, sigma_a=sigma_a), wider.solve(y, s, iterations)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-7)
    assert float((got - model.solve(y, s, iterations)).abs().max()) > 0.1  # it matters


@pytest.mark.parametrize("number", range(11, 17))
def test_mixtures_are_algorithm_5_around_an_accurate_solve(number):
    """z = y + sigma^2 s, then the model without the Gaussian noise."""
    model, inner = noise.get(number), noise.get(number - 6)
    _, y = draw(model, (3, 33, 20), number)
    s = 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0), dtype=y.dtype)
    torch.testing.assert_close(model.solve(y, s), inner.solve(y + 100 * s, s), rtol=1e-12, atol=1e-9)


# --- accurate against the paper's: the guards bias nothing, and the iterations tend to the accurate solution


@pytest.mark.parametrize("number", [1, 2, 5, 6, 7, 8])
def test_closed_forms_are_the_papers_where_nothing_needs_a_guard(number):
    """To the last bit, for exact scores: no epsilon, no clamp at work."""
    model = noise.get(number)
    x, y = draw(model, (3, 64, 65), number)
    s = model.score(x, y)
    assert torch.equal(model.solve(y, s), model.solve(y, s, iterations=10))


@pytest.mark.parametrize("number", [3, 9, 10])
def test_accurate_solution_is_the_limit_of_the_papers_iterations(number):
    """At every pixel where they converge, which nearly all do, for scores that are off by 10 % as well."""
    model = noise.get(number)
    x, y = draw(model, (3, 33, 32), number)
    for factor in (1.0, 0.9, 1.1):
        s = factor * model.score(x, y)
        limit = model.solve(y, s, iterations=600)
        converged = (limit - model.solve(y, s, iterations=599)).abs() < 1e-11
        assert float(converged.double().mean()) > 0.95
        assert_solved(model.solve(y, s)[converged], limit[converged])


def test_ten_iterations_are_not_enough_for_affine_noise():
    """Why there is an accurate solve: the paper's ten are off by tens of grey levels with the exact score."""
    model = noise.get(3)
    x, y = draw(model, (3, 256, 256), 0)
    s = model.score(x, y)
    assert float((model.solve(y, s, iterations=10) - x).abs().max()) > 10
    assert_solved(model.solve(y, s), x)

"""`score` against automatic differentiation of log densities that are written here, independently of the package."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import distributions

import noise

HEIGHT, WIDTH = 5, 4
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]])


def dense(height=HEIGHT, width=WIDTH):
    """A as a matrix on flattened images."""
    units = np.eye(height * width).reshape(-1, height, width)
    return torch.from_numpy(np.stack([ndimage.convolve(unit, KERNEL, mode="wrap").ravel() for unit in units], axis=1))


def gamma(x, z):
    return distributions.Gamma(26.0, 26.0 / x).log_prob(z).sum()


def rayleigh(x, z):
    """A Rayleigh law is a Weibull law of shape 2; z = (1 + eta) x adds 1 / x to the density."""
    return (distributions.Weibull(0.3 * 2**0.5, torch.full_like(x, 2.0)).log_prob(z / x - 1) - x.log()).sum()


def through_a(log_density):
    """Density of y = A z: that of z = A^-1 y, times the constant 1 / |det A|."""
    a = dense()
    return lambda x, y: log_density(x, torch.linalg.solve(a, y)) - torch.linalg.slogdet(a).logabsdet


def gaussian(std, convolved):
    def log_density(x, y):
        root = dense() * std(x) if convolved else torch.diag(std(x))
        return distributions.MultivariateNormal(x, covariance_matrix=root @ root.T).log_prob(y)

    return log_density


def constant(x):
    return 25.0 + 0 * x


def affine(x):
    return 25.0 + 25 / 255 * x


LOG_DENSITY = {
    1: gaussian(constant, False),
    2: gaussian(constant, True),
    3: gaussian(affine, False),
    4: gaussian(affine, True),
    5: gamma,
    6: through_a(gamma),
    9: rayleigh,
    10: through_a(rayleigh),
}


def draw(model, seed):
    generator = torch.Generator().manual_seed(seed)
    x = 1 + 254 * torch.rand(3, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    return x, model.sample(x, generator)


@pytest.mark.parametrize("number", LOG_DENSITY)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_score_is_the_gradient_of_the_log_density(number, seed):
    model = noise.get(number)
    x, y = draw(model, seed)
    scores = model.score(x, y)
    for channel in range(3):
        flat = y[channel].flatten().requires_grad_()
        (expected,) = torch.autograd.grad(LOG_DENSITY[number](x[channel].flatten(), flat), flat)
        torch.testing.assert_close(scores[channel].flatten(), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("number", [7, 8])
def test_poisson_score_is_the_papers_formula(number):
    """Poisson noise is discrete: there is no density to differentiate, and the paper's formula defines the score."""
    model = noise.get(number)
    x, y = draw(model, 0)
    a = dense().numpy() if number == 8 else np.eye(HEIGHT * WIDTH)
    for channel in range(3):
        clean, noisy = x[channel].numpy().ravel(), y[channel].numpy().ravel()
        inner = 0.2 * np.log(0.2 * clean) - 0.2 * np.log(0.2 * np.linalg.solve(a, noisy) + 0.5)
        expected = np.linalg.solve(a.T, inner)
        np.testing.assert_allclose(model.score(x, y)[channel].numpy().ravel(), expected, rtol=1e-9, atol=1e-12)


def test_every_model_has_a_score_tested_here_or_none_at_all():
    tested = {*LOG_DENSITY, 7, 8}
    for model in noise.catalogue():
        x = torch.full((3, 4, 5), 100.0)
        if model.number in tested:
            assert model.score(x, model.sample(x)).isfinite().all()
        else:
            with pytest.raises(NotImplementedError, match=model.slug.replace("+", r"\+")):
                model.score(x, x)


@pytest.mark.parametrize("number", [5, 6, 7, 8, 9, 10])
def test_a_mixture_by_extra_sigma_has_no_score_either(number):
    with pytest.raises(NotImplementedError):
        noise.get(number, extra_sigma=5).score(torch.ones(1, 4, 4), torch.ones(1, 4, 4))


@pytest.mark.parametrize("number", range(1, 11))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_shape_and_dtype_are_kept(number, dtype):
    model = noise.get(number)
    for shape in ((3, 7, 5), (2, 1, 6, 9)):
        x = torch.full(shape, 90.0, dtype=dtype)
        scores = model.score(x, model.sample(x, torch.Generator().manual_seed(0)))
        assert scores.shape == x.shape
        assert scores.dtype == dtype


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 9, 10])
def test_the_mean_score_of_samples_is_zero(number):
    """E[grad log p(y|x)] = 0 for every density that vanishes at the ends of its support: sample and score agree."""
    model = noise.get(number)
    x = torch.full((2000, 1, 5, 4), 100.0, dtype=torch.float64)
    scores = model.score(x, model.sample(x, torch.Generator().manual_seed(1)))
    means = scores.mean(dim=(1, 2, 3))
    assert abs(float(means.mean())) < 5 * float(means.std()) / 2000**0.5

"""Score matching, Noise2Score and the score solver against closed forms in a Gaussian world, and their papers' formulas."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import methods
import noise
from methods._score import ScoreMatching
from tests.helpers.gaussian_world import MEAN, SIGMA, SPREAD, batch_of, gaussian_world


def test_sigma_goes_from_first_to_last():
    matching = ScoreMatching(first_sigma=12.0, last_sigma=3.0)
    assert matching.sigma(0.0) == 12.0 and matching.sigma(1.0) == pytest.approx(3.0, rel=1e-12)
    assert matching.sigma(0.5) == pytest.approx(6.0, rel=1e-12)  # geometric
    values = [matching.sigma(step / 100) for step in range(101)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("progress", [0.0, 0.99])
def test_score_matching_is_least_at_the_score_of_the_perturbed_image(progress, seeded):
    """At the score of N(m, t^2 + sigma^2 + sigma_a^2) the loss is std^2 (1 / sigma_a^2 - 1 / variance)."""
    matching = ScoreMatching()
    y = gaussian_world((8, 3, 128, 128), seeded)[1]
    sigma_a = matching.sigma(progress)
    variance = SPREAD**2 + SIGMA**2 + sigma_a**2
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    std = math.sqrt(SIGMA**2 + sigma_a**2)  # of the noise alone
    loss = matching.loss(lambda z: scale * std * (MEAN - z) / variance, batch_of(y, seeded(2), progress))
    loss.backward()
    expected = std**2 * (1 / sigma_a**2 - 1 / variance)
    assert loss.item() == pytest.approx(expected, rel=5 * math.sqrt(2 / y.numel()))
    # d/dscale = 2 E[residual * std s]: two independent normals of these variances
    assert scale.grad.abs() < 5 * 2 * math.sqrt(expected * std**2 / variance / y.numel())


@pytest.mark.parametrize("count", [1, 5, 8])
def test_antithetic_pairs_perturb_half_of_the_patches_both_ways(count, seeded):
    """As many inputs as patches, mean of each pair the patch itself, and one u for each pair."""
    y = gaussian_world((count, 3, 8, 8), seeded)[1]
    seen = []
    ScoreMatching().loss(lambda z: seen.append(z) or torch.zeros_like(z), batch_of(y, seeded(2)))
    whole, pairs = count - count // 2, count // 2
    assert seen[0].shape == y.shape
    torch.testing.assert_close((seen[0][:pairs] + seen[0][whole:]) / 2, y[:pairs])
    u = torch.randn((whole, 3, 8, 8), generator=seeded(2), dtype=y.dtype)
    torch.testing.assert_close(seen[0][:whole], y[:whole] + ScoreMatching().sigma(0.5) * u)


def test_antithetic_pairs_keep_the_gradient_finite_as_sigma_a_vanishes(seeded):
    """Pairs cancel the term of the gradient that grows as 1 / sigma_a; unpaired perturbations do not."""
    y = gaussian_world((8, 3, 16, 16), seeded)[1]

    def gradient(matching, draw):
        slope = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        matching.loss(lambda z: slope * (MEAN - z) / SPREAD, batch_of(y, seeded(draw))).backward()
        return slope.grad.item()

    def spread(antithetic, sigma):
        matching = ScoreMatching(sigma, sigma, antithetic=antithetic)
        return np.std([gradient(matching, draw) for draw in range(20)])

    assert spread(True, 0.01) == pytest.approx(spread(True, 0.1), rel=0.2)
    assert spread(False, 0.01) == pytest.approx(10 * spread(False, 0.1), rel=0.2)


@pytest.mark.parametrize("number", range(1, 17))
def test_score_is_the_output_over_the_standard_deviation_of_the_noise(number):
    """On a flat image of E[y] the local mean is exact, so the standard deviation is that of y + sigma_a u given x."""
    model, matching = noise.get(number), ScoreMatching(last_sigma=7.0)
    x = torch.full((1, 3, 9, 11), 80.0, dtype=torch.float64)
    score = matching.score(lambda y: torch.full_like(y, 2.0), model.mean_gain * x, model)
    torch.testing.assert_close(score, 2 / torch.sqrt(model.std(x) ** 2 + 49))


def test_weight_of_the_loss_depends_on_the_networks_input_alone(seeded):
    """So the minimiser is the score: in a world of two brightnesses, each with its own optimal scale, both are stationary."""
    model, matching, count = noise.get(5), ScoreMatching(), 150_000
    for level in (20.0, 200.0):
        prior = 0.3 * level  # x ~ N(level, prior^2) in each flat window, y given x nearly normal: y ~ N(level, variance)
        y = level + math.sqrt(prior**2 + level**2 / 26) * torch.randn(count, 1, 1, 1, generator=seeded(3), dtype=torch.float64)
        variance = prior**2 + level**2 / 26 + matching.sigma(0.5) ** 2
        scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

        def network(z, level=level, variance=variance, scale=scale):
            std = matching._std(z, model, matching.sigma(0.5))
            return scale * std * (level - z) / variance

        loss = matching.loss(network, batch_of(y, seeded(4), 0.5, model))
        loss.backward()
        assert scale.grad.abs() < 0.02 * loss.item()


def test_score_solver_returns_the_posterior_mean(seeded):
    """For Gaussian noise Eq. 7 with the exact score of y + sigma_a u is E[x | y + sigma_a u] as a function of its argument."""
    method = methods.get("score-solver")
    y = gaussian_world((1, 3, 20, 30), seeded)[1]
    variance = SPREAD**2 + SIGMA**2 + method.matching.last_sigma**2

    def network(z):
        return math.sqrt(SIGMA**2 + method.matching.last_sigma**2) * (MEAN - z) / variance

    expected = MEAN + SPREAD**2 / variance * (y - MEAN)
    torch.testing.assert_close(method.denoise(network, y, noise.get(1), seeded(0)), expected, rtol=0, atol=1e-9)


def test_score_solver_takes_noise_parameters_that_changed_after_training(seeded, tiny_network):
    method, network, y = methods.get("score-solver"), tiny_network().double(), gaussian_world((1, 3, 8, 8), seeded)[1]
    score = method.matching.score(network, y, noise.get(1))
    for sigma in (10.0, 40.0):
        result = noise.get(1, sigma=sigma).solve(y, score, sigma_a=method.matching.last_sigma)
        torch.testing.assert_close(result, y + (sigma**2 + method.matching.last_sigma**2) * score)


@pytest.mark.parametrize("number", [1, 2, 5, 6, 7, 8])
def test_noise2score_is_the_score_solver(number, seeded, tiny_network):
    one, other = methods.get("noise2score"), methods.get("score-solver")
    assert one.learns() == other.learns()
    model, network = noise.get(number), tiny_network()
    y = model.sample(torch.full((1, 3, 13, 10), 90.0), seeded(0))
    assert torch.equal(*(method.denoise(network, y, model, seeded(1)) for method in (one, other)))


@pytest.mark.parametrize("number", [1, 5, 7])
def test_noise2score_is_tweedies_formula(number, seeded, tiny_network):
    """Kim & Ye, Table 1, with a sigma_a so small that their formulas, which neglect it, hold."""
    method = dataclasses.replace(methods.get("noise2score"), matching=ScoreMatching(last_sigma=1e-9))
    model, weights = noise.get(number), tiny_network().double()
    y = model.sample(torch.full((1, 3, 13, 10), 90.0, dtype=torch.float64), seeded(0))

    def network(z):
        return weights(z).double()

    s = method.matching.score(network, y, model)
    if number == 1:
        expected = y + 25.0**2 * s
    elif number == 5:
        expected = 26 * y / ((26 - 1) - y * s)
    else:
        expected = (y + 5 / 2) * torch.exp(5 * s)  # zeta = 1 / lambda = 5, and d/dt = zeta d/dy
    torch.testing.assert_close(method.denoise(network, y, model, seeded(1)), expected, rtol=1e-9, atol=0)

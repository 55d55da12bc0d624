"""The methods' formulas against brute force, closed forms in a Gaussian world, and transcriptions of the papers."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats

import methods
import noise
from methods import Batch, estimate, mean_squared
from methods._api import UNIT
from methods._score import ScoreMatching
from methods.neighbor2neighbor import _take

NB2NB = methods.get("neighbor2neighbor")
NR2N = methods.get("noisier2noise")
#: The Gaussian world: x ~ N(MEAN, SPREAD^2) in each pixel, y = x + N(0, SIGMA^2).
MEAN, SPREAD, SIGMA = 120.0, 40.0, 25.0


def gaussian_world(shape, seeded, seed=0):
    """x and y in float64."""
    generator = seeded(seed)
    x = MEAN + SPREAD * torch.randn(shape, generator=generator, dtype=torch.float64)
    return x, x + SIGMA * torch.randn(shape, generator=generator, dtype=torch.float64)


def batch_of(y, generator, progress=0.5, model=None, clean=None):
    return Batch(y, clean, model or noise.get(1), progress, generator)


def as_network(image_of):
    """The network whose `estimate` is that function of the image."""
    return lambda y: (image_of(y) - y) / UNIT


def test_units():
    y = torch.tensor([[[[10.0, 250.0]]]])
    assert torch.equal(estimate(lambda z: z / (2 * UNIT), y), y * 1.5)
    assert torch.equal(estimate(lambda z: z / (2 * UNIT), y, start=y / 2), y)
    assert mean_squared(torch.tensor([UNIT, -2 * UNIT])) == 2.5


def test_supervised_minimum_is_the_posterior_mean(seeded):
    """Among y -> a (y - m) + m the loss is least at a = t^2 / (t^2 + sigma^2), where it is the posterior variance."""
    x, y = gaussian_world((8, 3, 128, 128), seeded)
    scale = torch.tensor(SPREAD**2 / (SPREAD**2 + SIGMA**2), dtype=torch.float64, requires_grad=True)
    network = as_network(lambda y: MEAN + scale * (y - MEAN))
    loss = methods.get("supervised").loss(network, batch_of(y, seeded(1), clean=x))
    loss.backward()
    expected = SPREAD**2 * SIGMA**2 / (SPREAD**2 + SIGMA**2) / UNIT**2
    assert loss.item() == pytest.approx(expected, rel=5 * math.sqrt(2 / y.numel()))
    curvature = 2 * (SPREAD**2 + SIGMA**2) / UNIT**2
    assert scale.grad.abs() < 5 * curvature * math.sqrt(expected / (curvature / 2) / y.numel())


# Neighbor2Neighbor


def numbered(height, width, count=2):
    """Images whose values tell image, channel, row and column."""
    grid = torch.arange(height)[:, None] * 100 + torch.arange(width)
    return (grid + torch.arange(3)[:, None, None] * 10**5 + torch.arange(count)[:, None, None, None] * 10**6).double()


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (2, 3), (33, 47)], ids=str)
def test_pairs_are_neighbours_in_their_cell(size, seeded):
    y = numbered(*size)
    first, second = NB2NB._pair(y, seeded(0))
    g1, g2 = _take(y, first), _take(y, second)
    assert g1.shape == g2.shape == (2, 3, size[0] // 2, size[1] // 2)
    for n, i, j in np.ndindex(2, size[0] // 2, size[1] // 2):
        places = []
        for g in (g1, g2):
            place = (g[n, 0, i, j] - y[n, 0, 0, 0]) % 10**5
            for channel in range(3):  # the same pixel of all channels, of this image
                assert g[n, channel, i, j] == place + 10**5 * channel + 10**6 * n
            row, column = divmod(int(place), 100)
            assert row // 2 == i and column // 2 == j
            places.append((row, column))
        (row1, column1), (row2, column2) = places
        assert abs(row1 - row2) + abs(column1 - column2) == 1  # horizontal or vertical, never diagonal or the same


def test_the_eight_pairs_are_equally_likely(seeded):
    y = torch.zeros(4, 3, 200, 201)
    first, second = NB2NB._pair(y, seeded(3))
    counts = torch.bincount((4 * first + second).flatten(), minlength=16)
    drawn = counts[counts > 0]
    assert len(drawn) == 8 and stats.chisquare(drawn).pvalue > 1e-4
    # drawn anew for each cell: neighbouring cells agree in 1/8 of the cases
    same = (first[..., 1:] == first[..., :-1]) & (second[..., 1:] == second[..., :-1])
    assert stats.binomtest(int(same.sum()), same.numel(), 1 / 8).pvalue > 1e-4


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.999])
def test_neighbor2neighbor_loss_is_the_papers(progress, seeded, tiny_network):
    """Eq. 8 and Algorithm 1 of Huang et al. in numbers of [0, 1], here per (UNIT grey levels)^2."""
    network = tiny_network().double()
    y = gaussian_world((2, 3, 17, 22), seeded)[1]

    def denoiser(image):
        return image + UNIT * network(image)

    picks = torch.randint(8, (2, 1, 8, 11), generator=seeded(4))
    pairs = [((0, 0), (0, 1)), ((0, 1), (0, 0)), ((1, 0), (1, 1)), ((1, 1), (1, 0))]  # of a cell's (row, column)
    pairs += [((0, 0), (1, 0)), ((1, 0), (0, 0)), ((0, 1), (1, 1)), ((1, 1), (0, 1))]

    def subsample(image, which):
        rows = []
        for n, i, j in np.ndindex(2, 8, 11):
            row, column = pairs[picks[n, 0, i, j]][which]
            rows.append(image[n, :, 2 * i + row, 2 * j + column])
        return torch.stack(rows).reshape(2, 8, 11, 3).permute(0, 3, 1, 2)

    with torch.no_grad():
        fixed = denoiser(y)
    difference = denoiser(subsample(y, 0)) - subsample(y, 1)
    exp = subsample(fixed, 0) - subsample(fixed, 1)
    gamma = NB2NB.gamma * progress
    expected = ((difference / UNIT) ** 2).mean() + gamma * (((difference - exp) / UNIT) ** 2).mean()
    loss = NB2NB.loss(network, batch_of(y, seeded(4), progress))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    wanted, given = (torch.autograd.grad(value, network.head[-1].weight)[0] for value in (expected, loss))
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-9)  # so no gradient flows through the second term's f(y)


def test_neighbor2neighbor_denoises_in_one_pass(tiny_network, seeded):
    network, y = tiny_network(), torch.full((1, 3, 5, 7), 90.0)
    assert torch.equal(NB2NB.denoise(network, y, noise.get(1), seeded(0)), y + UNIT * network(y))


# Noisier2Noise


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_noisier2noise_returns_the_posterior_mean(alpha, seeded):
    """With the network's image E[x | z] its result is the mean of that over the draws of z."""
    method = dataclasses.replace(NR2N, alpha=alpha, draws=3)
    of_z = SPREAD**2 + (1 + alpha**2) * SIGMA**2
    y = gaussian_world((1, 3, 9, 11), seeded)[1]
    best = as_network(lambda z: MEAN + SPREAD**2 / of_z * (z - MEAN))
    result = method.denoise(best, y, noise.get(1), seeded(5))
    generator = seeded(5)
    z = [y + alpha * SIGMA * torch.randn(y.shape, generator=generator, dtype=y.dtype) for _ in range(3)]
    expected = sum(MEAN + SPREAD**2 / of_z * (each - MEAN) for each in z) / 3
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)


def test_noisier2noise_loss_is_least_at_the_posterior_mean(seeded):
    """Both E[x | z] and E[y | z] are linear in z; the loss there is Var[y | z], in units of the estimate of x."""
    y = gaussian_world((8, 3, 128, 128), seeded)[1]
    of_y, of_z = SPREAD**2 + SIGMA**2, SPREAD**2 + 1.25 * SIGMA**2
    scale = torch.tensor(SPREAD**2 / of_z, dtype=torch.float64, requires_grad=True)
    loss = NR2N.loss(as_network(lambda z: MEAN + scale * (z - MEAN)), batch_of(y, seeded(1)))
    loss.backward()
    share = NR2N.alpha**2 / (1 + NR2N.alpha**2)
    expected = of_y * (1 - of_y / of_z) / (share * UNIT) ** 2  # Var[y | z]
    assert loss.item() == pytest.approx(expected, rel=5 * math.sqrt(2 / y.numel()))
    assert scale.grad.abs() < 5 * 2 * math.sqrt(expected * of_z / y.numel()) / UNIT


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_second_noise_is_drawn_from_the_noisy_image(number, seeded):
    """z - y is alpha A (std(y) n), std evaluated at y within [0, 255]; no clean image is needed."""
    model = noise.get(number)
    y = model.sample(torch.full((1, 3, 40, 50), 230.0, dtype=torch.float64), seeded(0))
    seen = []
    NR2N.loss(lambda z: seen.append(z) or torch.zeros_like(z), batch_of(y, seeded(7), model=model))
    a, b = (25 / 255, 25.0) if number > 2 else (0.0, 25.0)
    white = torch.randn(y.shape, generator=seeded(7), dtype=y.dtype)
    added = (a * y.clamp(0, 255) + b) * white
    if number % 2 == 0:
        added = model.convolution.apply(added)
    torch.testing.assert_close(seen[0], y + 0.5 * added, rtol=0, atol=1e-9)


# Score matching, Noise2Score and the score solver


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

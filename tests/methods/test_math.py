"""The methods' formulas against brute force, closed forms in a Gaussian world, and transcriptions of the papers."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import uniform_filter

import methods
import noise
from methods import estimate, mean_squared
from methods._api import UNIT
from methods.neighbor2neighbor import _take
from tests.helpers.gaussian_world import MEAN, SIGMA, SPREAD, batch_of, gaussian_world

NB2NB = methods.get("neighbor2neighbor")
NR2N = methods.get("noisier2noise")


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
    """With the network's image E[y | z] its result is the mean of E[x | z] over the draws of z."""
    method = dataclasses.replace(NR2N, alpha=alpha, draws=3)
    of_z = SPREAD**2 + (1 + alpha**2) * SIGMA**2
    y = gaussian_world((1, 3, 9, 11), seeded)[1]
    best = as_network(lambda z: MEAN + (SPREAD**2 + SIGMA**2) / of_z * (z - MEAN))
    result = method.denoise(best, y, noise.get(1), seeded(5))
    generator = methods.derived(seeded(5), "second noise of noisier2noise")
    z = [y + alpha * SIGMA * torch.randn(y.shape, generator=generator, dtype=y.dtype) for _ in range(3)]
    expected = sum(MEAN + SPREAD**2 / of_z * (each - MEAN) for each in z) / 3
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)


def test_noisier2noise_draws_other_noise_than_is_there(seeded):
    """Also with the generator of the seed that drew that, in which case z would be y with more of the same noise."""
    x = torch.full((1, 1, 200, 200), 120.0, dtype=torch.float64)
    y, seen = noise.get(1).sample(x, seeded(5)), []
    NR2N.denoise(lambda z: seen.append(z) or torch.zeros_like(z), y, noise.get(1), seeded(5))
    correlation = torch.corrcoef(torch.stack([(y - x).flatten(), (seen[0] - y).flatten()]))[0, 1]
    assert abs(float(correlation)) < 4 / 200


def test_noisier2noise_loss_is_least_at_the_mean_of_y_given_z(seeded):
    """E[y | z] is linear in z; the loss there is Var[y | z]."""
    y = gaussian_world((8, 3, 128, 128), seeded)[1]
    of_y, of_z = SPREAD**2 + SIGMA**2, SPREAD**2 + (1 + NR2N.alpha**2) * SIGMA**2
    scale = torch.tensor(of_y / of_z, dtype=torch.float64, requires_grad=True)
    loss = NR2N.loss(as_network(lambda z: MEAN + scale * (z - MEAN)), batch_of(y, seeded(1)))
    loss.backward()
    expected = of_y * (1 - of_y / of_z) / UNIT**2
    assert loss.item() == pytest.approx(expected, rel=5 * math.sqrt(2 / y.numel()))
    assert scale.grad.abs() < 5 * 2 * math.sqrt(expected * of_z / y.numel()) / UNIT


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_second_noise_is_drawn_from_the_noisy_image(number, seeded):
    """z - y is alpha A (std(y) n), std evaluated at the 5x5 mean of y within [0, 255]; no clean image is needed."""
    model = noise.get(number)
    y = model.sample(torch.full((1, 3, 40, 50), 230.0, dtype=torch.float64), seeded(0))
    seen = []
    NR2N.loss(lambda z: seen.append(z) or torch.zeros_like(z), batch_of(y, seeded(7), model=model))
    a, b = (25 / 255, 25.0) if number > 2 else (0.0, 25.0)
    white = torch.randn(y.shape, generator=seeded(7), dtype=y.dtype)
    mean = torch.from_numpy(uniform_filter(y.numpy(), (1, 1, 5, 5), mode="nearest"))
    added = (a * mean.clamp(0, 255) + b) * white
    if number % 2 == 0:
        added = model.convolution.apply(added)
    torch.testing.assert_close(seen[0], y + NR2N.alpha * added, rtol=0, atol=1e-9)


# Noise2Noise


def test_noise2noise_loss_is_least_at_the_posterior_mean(seeded):
    """As of a linear denoiser: SPREAD^2 / (SPREAD^2 + SIGMA^2) of what y deviates by."""
    method = methods.get("noise2noise")
    clean, y = gaussian_world((8, 3, 64, 64), seeded)
    second = clean + SIGMA * torch.randn(clean.shape, generator=seeded(9), dtype=clean.dtype)
    scale = torch.tensor(SPREAD**2 / (SPREAD**2 + SIGMA**2), dtype=torch.float64, requires_grad=True)
    network = as_network(lambda z: MEAN + scale * (z - MEAN))
    method.loss(network, dataclasses.replace(batch_of(y, seeded(1)), second=second)).backward()
    # the gradient's standard deviation is that of a mean of y.numel() products
    bound = 5 * 2 * SPREAD * (SPREAD + SIGMA) / UNIT**2 / math.sqrt(y.numel())
    assert abs(scale.grad.item()) < bound

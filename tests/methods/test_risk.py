"""SURE and UNSURE against closed forms of the risk, their papers' formulas written out, and deepinv's where it is installed."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

import methods
import noise
from methods import estimate
from methods._api import UNIT
from methods._risk import level, unsure
from methods._score import ScoreMatching
from noise.poisson import Poisson
from tests.helpers.deepinv_losses import deepinv
from tests.helpers.gaussian_world import MEAN, SIGMA, SPREAD, batch_of, gaussian_world

SURE, UNSURE, BY_SCORE = (methods.get(slug) for slug in ("sure", "unsure", "unsure-score"))


def shrinkage(scale):
    """The network whose image is MEAN + scale (y - MEAN)."""
    return lambda y: (MEAN + scale * (y - MEAN) - y) / UNIT


@pytest.mark.parametrize("scale", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 7, 13])
def test_sure_of_a_linear_shrinkage_is_its_risk(number, scale, seeded):
    """(1 - c)^2 E (x - m)^2 + c^2 Var, on an image of four brightnesses whose mean error is what it is."""
    model = noise.get(number)
    x = torch.tensor([40.0, 90.0, 140.0, 200.0], dtype=torch.float64).reshape(4, 1, 1, 1).expand(4, 3, 200, 200)
    y = model.sample(x.contiguous(), seeded(0))
    given = SURE.loss(shrinkage(scale), batch_of(y, seeded(1), model=model)).item() * UNIT**2
    expected = (1 - scale) ** 2 * (x - MEAN).square().mean() + scale**2 * model.std(x).square().mean()
    assert given == pytest.approx(expected.item(), rel=0.02, abs=0.01 * model.std(x).square().mean().item())


@pytest.mark.parametrize("number", [1, 2, 7, 13])
def test_sure_is_the_papers(number, seeded, tiny_network):
    """Its formulas on numbers of [0, 1], written out in float64."""
    model, network = noise.get(number), tiny_network().double()
    y = model.sample(torch.full((2, 3, 16, 18), 120.0, dtype=torch.float64), seeded(0))

    def f(image):
        return estimate(network, 255 * image) / 255

    v = y / 255
    if number in (1, 2):
        sigma, b = SIGMA / 255, torch.randn(y.shape, generator=seeded(4), dtype=torch.float64)
        b, size = (b, 1.0) if number == 1 else (model.convolution.apply(b), math.sqrt(0.21))  # the norm of A's kernel
        tau = 0.1 * sigma
        expected = (v - f(v)) ** 2 - (size * sigma) ** 2 + 2 * sigma**2 * b * (f(v + tau * b) - f(v)) / tau
    else:
        tau, gain, sigma = 1e-3, 5 / 255, (0 if number == 7 else 10) / 255
        b = torch.where(torch.rand(y.shape, generator=seeded(4), dtype=torch.float64) > 0.5, 1.0, -1.0)
        variance = gain * v + sigma**2
        expected = (v - f(v)) ** 2 - variance + 2 * b * variance * (f(v + tau * b) - f(v)) / tau
    loss = SURE.loss(network, batch_of(y, seeded(4), model=model))
    assert loss.item() == pytest.approx(expected.mean().item() * (255 / UNIT) ** 2, rel=1e-5)


@pytest.mark.parametrize("number", [1, 7, 13])
def test_sure_is_deepinvs(number, seeded, tiny_network):
    """With its random numbers, which are those of one generator."""
    losses = deepinv().loss
    model, network = noise.get(number), tiny_network().double()
    y = model.sample(torch.full((2, 3, 16, 18), 120.0, dtype=torch.float64), seeded(0))
    law = {
        1: lambda rng: losses.SureGaussianLoss(sigma=SIGMA / 255, tau=0.1 * SIGMA / 255, rng=rng),
        7: lambda rng: losses.SurePoissonLoss(gain=5 / 255, tau=1e-3, rng=rng),
        13: lambda rng: losses.SurePGLoss(sigma=10 / 255, gain=5 / 255, tau1=1e-3, rng=rng),
    }[number](seeded(4))
    physics = type("Identity", (), {"A": staticmethod(lambda image: image)})()

    def f(image, physics=None):
        return estimate(network, 255 * image) / 255

    with torch.no_grad():
        theirs = law(y=y / 255, x_net=f(y / 255), physics=physics, model=f).mean().item() * (255 / UNIT) ** 2
        ours = SURE.loss(network, batch_of(y, seeded(4), model=model)).item()
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("method", [SURE, UNSURE], ids=lambda method: method.slug)
def test_differences_are_not_taken_in_bfloat16(method, seeded, tiny_network):
    network, y = tiny_network(), gaussian_world((2, 3, 16, 16), seeded)[1].float()
    plain = method.loss(network, batch_of(y, seeded(1)))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(method.loss(network, batch_of(y, seeded(1))), plain)


class Other(Poisson):
    """A law whose values do not tell its variance, for all that it says."""

    shot = False


def test_sure_verdicts():
    verdicts = {model.number: SURE.applicable(model).verdict for model in noise.catalogue()}
    assert verdicts == dict.fromkeys(range(1, 17), "no") | dict.fromkeys((1, 2, 3, 4, 7, 13), "yes") | {8: "indirect"}
    assert SURE.applicable(noise.get(7, extra_sigma=5)).verdict == "yes"
    assert SURE.applicable(noise.get(8, extra_sigma=5)).verdict == "no"
    assert SURE.applicable(dataclasses.replace(noise.get(7), base=Other(0.2))).verdict == "no"


# UNSURE


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("sigma", [10.0, 40.0])
def test_unsure_learns_the_score_at_any_level(sigma, number, seeded):
    """Of y ~ N(m, v): the loss is least where the network's residual is M s, M the made-up covariance, whatever sigma is.

    It is tr M - tr M^2 / v there. The blur's response has a closed form of its own: (1 + (1 + cos p)(1 + cos q) / 4) / 2.
    """
    v = SPREAD**2 + sigma**2
    y = MEAN + math.sqrt(v) * torch.randn(8, 3, 128, 128, generator=seeded(0), dtype=torch.float64)
    cosine = torch.cos(2 * math.pi * torch.arange(128, dtype=torch.float64) / 128)
    blur = (1 + (1 + cosine[:, None]) * (1 + cosine) / 4) / 2 if number == 2 else torch.ones(128, 128).double()
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def network(z):
        score = (MEAN - z) / v
        return scale * UNIT * torch.fft.ifft2(torch.fft.fft2(score) * blur**2).real

    loss = UNSURE.loss(network, batch_of(y, seeded(1), model=noise.get(number)))
    loss.backward()
    trace, squares = blur.square().mean().item(), UNIT**2 * (blur**4).mean().item() / v
    assert loss.item() == pytest.approx(trace - squares, abs=5 * 2 * math.sqrt(2 / y.numel()))  # of the mean of 2 b^2
    assert scale.grad.abs() < 5 * 2 * squares * math.sqrt(2 * 3 / y.numel())


@pytest.mark.parametrize("side", [1, 3, 5])
def test_unsure_takes_the_largest_covariance_that_the_score_allows(side, seeded):
    """2 eta_0 - mean |Sigma s|^2 is least at the solution of a plain least-squares problem in shifted images of s."""
    s = torch.randn(1, 2, 9, 12, generator=seeded(0), dtype=torch.float64)
    s = s + 0.6 * s.roll(1, -1) + 0.3 * s.roll((1, 1), (-1, -2))
    y = torch.randn(s.shape, generator=seeded(1), dtype=torch.float64)
    reach = range(-(side // 2), side // 2 + 1)
    shifted = np.stack([s.roll((i, j), (-2, -1)).numpy().ravel() for i in reach for j in reach], axis=1)
    eta = np.linalg.solve(shifted.T @ shifted / s.numel(), np.eye(side**2)[side**2 // 2])
    expected = y + torch.from_numpy(shifted @ eta).reshape(s.shape)
    torch.testing.assert_close(unsure(y, s, side), expected, rtol=0, atol=1e-6)
    if side == 1:
        torch.testing.assert_close(y + level(s) * s, expected, rtol=0, atol=1e-6)


def test_unsure_of_correlated_noise_finds_its_covariance(seeded):
    """Where x is constant, s = -Sigma^-1 (y - x): Sigma s is then x - y, if the kernel holds all of Sigma = sigma^2 A A^T."""
    model = noise.get(2)
    x = torch.full((1, 3, 128, 128), MEAN, dtype=torch.float64)
    y = model.sample(x, seeded(0))
    s = model.score(x, y)

    def error(side):
        return (unsure(y, s, side) - x).square().mean().item()

    assert error(5) < 0.02 * model.std(x).square().mean()
    assert error(5) < 0.2 * error(3) < 0.1 * error(1)


# UNSURE by score: x is t or -t, for which score and posterior mean have closed forms

T, NOISE = 30.0, 25.0


def two_levels_mmse(variance):
    """E Var[x | y] of x = +-T, y = x + n: T^2 - E[E[x | y]^2], by quadrature."""
    deviation = math.sqrt(variance)

    def integrand(y):
        density = 0.5 * (norm.pdf(y, T, deviation) + norm.pdf(y, -T, deviation))
        return (T * math.tanh(T * y / variance)) ** 2 * density

    return T**2 - quad(integrand, -12 * deviation - T, 12 * deviation + T, limit=200)[0]


def two_levels_score(y, variance):
    return (T * torch.tanh(T * y / variance) - y) / variance


@pytest.mark.parametrize("method", ["unsure", "unsure-score"])
def test_error_without_the_level_is_that_of_the_paper(method, seeded):
    """With r = MMSE / sigma^2 the level is sigma^2 / (1 - r) and the mean square error MMSE / (1 - r)."""
    x = T * (2 * torch.randint(2, (1, 3, 512, 512), generator=seeded(0)) - 1).double()
    y = x + NOISE * torch.randn(x.shape, generator=seeded(1), dtype=torch.float64)
    mmse = two_levels_mmse(NOISE**2)
    r = mmse / NOISE**2
    assert 0.3 < r < 0.6
    if method == "unsure":
        result = UNSURE.denoise(lambda z: UNIT * two_levels_score(z, NOISE**2), y, noise.get(1), seeded(2))
    else:
        exact = dataclasses.replace(BY_SCORE, matching=ScoreMatching(last_sigma=0.0))
        result = exact.denoise(lambda z: NOISE * two_levels_score(z, NOISE**2), y, noise.get(1), seeded(2))
    assert (result - x).square().mean().item() == pytest.approx(mmse / (1 - r), rel=0.02)
    assert level(two_levels_score(y, NOISE**2)).item() == pytest.approx(NOISE**2 / (1 - r), rel=0.02)


def test_sigma_a_is_in_the_level(seeded):
    """The score of y + sigma_a u gives Var + sigma_a^2 over 1 - r of there, whatever level the law states."""
    x = T * (2 * torch.randint(2, (1, 3, 512, 512), generator=seeded(0)) - 1).double()
    y = x + NOISE * torch.randn(x.shape, generator=seeded(1), dtype=torch.float64)
    variance = NOISE**2 + BY_SCORE.matching.last_sigma**2
    found = variance / (1 - two_levels_mmse(variance) / variance)
    for stated in (25.0, 40.0):  # which is no more than the unit of the network's output
        unit = math.sqrt(stated**2 + BY_SCORE.matching.last_sigma**2)
        network = lambda z, unit=unit: unit * two_levels_score(z, variance)  # noqa: E731
        result = BY_SCORE.denoise(network, y, noise.get(1, sigma=stated), seeded(2))
        torch.testing.assert_close(result, y + found * two_levels_score(y, variance), rtol=0.02, atol=0.5)


def test_by_score_sees_white_noise_through_a(seeded):
    """Of y itself on No. 2 it is A times what it is on A^-1 y, whose score is A^T s."""
    x, white = gaussian_world((1, 3, 24, 20), seeded)
    model = noise.get(2)
    exact = dataclasses.replace(BY_SCORE, matching=ScoreMatching(last_sigma=0.0))

    def score(z):
        return (MEAN - z) / (SPREAD**2 + SIGMA**2)

    seen = exact.denoise(lambda z: SIGMA * score(z), white, noise.get(1), seeded(2))
    std = model.std(x[:, :, :1, :1]).flatten()[0]
    y = model.convolution.apply(white)

    def network(z):
        return std * model.convolution.inverse_adjoint(score(model.convolution.inverse(z)))

    result = exact.denoise(network, y, model, seeded(2))
    torch.testing.assert_close(result, model.convolution.apply(seen), rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", [UNSURE, BY_SCORE], ids=lambda method: method.slug)
def test_unsure_of_an_image_without_a_score_is_the_image(method, seeded):
    y = torch.full((1, 3, 16, 16), 7.0)
    for number in (1, 2):
        torch.testing.assert_close(method.denoise(torch.zeros_like, y, noise.get(number), seeded(0)), y)


def test_unsure_verdicts_and_what_it_is_told():
    for method in (UNSURE, BY_SCORE):
        verdicts = {model.number: method.applicable(model).verdict for model in noise.catalogue()}
        assert verdicts == dict.fromkeys(range(1, 17), "no") | {1: "yes", 2: "yes", 3: "infeasible", 4: "infeasible"}
    assert not UNSURE.knows and not any(map(UNSURE.wants_decorrelated, noise.catalogue()))
    assert BY_SCORE.learns() == methods.get("score-solver").learns()

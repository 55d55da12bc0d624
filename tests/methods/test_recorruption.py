"""R2R against the laws of its draws, the Gaussian loss written out, closed forms, and deepinv's where it is installed."""

import dataclasses
import math

import pytest
import torch
from scipy import stats

import methods
import noise
from methods import estimate, local_mean
from methods._api import UNIT
from tests.helpers.deepinv_losses import deepinv
from tests.helpers.gaussian_world import MEAN, SIGMA, SPREAD, batch_of, gaussian_world

R2R = methods.get("recorrupted")
X = 120.0


def split(number, seeded, shape=(1, 3, 200, 200), method=R2R):
    """y of the flat image X, y1 and y2, in float64."""
    model = noise.get(number)
    y = model.sample(torch.full(shape, X, dtype=torch.float64), seeded(0))
    return (y, *method._split(y, model, seeded(1)))


def test_share_is_that_of_the_generalised_method():
    """alpha = 0.5 of Pang et al. is a = 0.2 of Monroy et al.: alpha^2 = a / (1 - a)."""
    assert R2R.share == pytest.approx(0.2, rel=1e-15)
    for alpha in (0.35, 0.7, 1.0):
        share = dataclasses.replace(R2R, alpha=alpha).share
        assert math.sqrt(share / (1 - share)) == pytest.approx(alpha, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7])
def test_draws_are_unbiased_and_independent(number, alpha, seeded):
    """Given x: means x, variances v / (1 - a) and v / a, no correlation of values and of squares, nor with the next pixels."""
    method = dataclasses.replace(R2R, alpha=alpha)
    y, first, second = split(number, seeded, method=method)
    variance, count = noise.get(number).std(torch.tensor(X)).item() ** 2, y.numel()
    effective = count / 4 if number in (2, 4) else count  # neighbours are correlated there
    for image, expected in ((first, variance / (1 - method.share)), (second, variance / method.share)):
        assert abs(image.mean().item() - X) < 5 * math.sqrt(expected / count) * (2 if number in (2, 4) else 1)
        assert image.var().item() == pytest.approx(expected, rel=5 * math.sqrt(3 / effective))
    a, b = (image - X for image in (first, second))
    for p, q in ((a, b), (a**2, b**2), (a, b.roll(1, -1)), (a, b.roll((1, -1), (-1, -2)))):
        assert abs(torch.corrcoef(torch.stack([p.flatten(), q.flatten()]))[0, 1].item()) < 5 / math.sqrt(effective)


def test_a_part_of_poisson_and_gamma_noise_has_their_laws(seeded):
    """(1 - a) lam y1 is Poisson of (1 - a) lam x and y1 / x Gamma of the shape (1 - a) l; y2 has the rest."""
    a = R2R.share
    _, first, second = split(7, seeded)
    for counts, mean in ((first * (1 - a) * 0.2, (1 - a) * 0.2 * X), (second * a * 0.2, a * 0.2 * X)):
        torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-9)
        last = int(mean + 4 * math.sqrt(mean))
        seen = torch.bincount(counts.round().long().flatten().clamp(max=last), minlength=last + 1).numpy()
        law = stats.poisson(mean)
        expected = [*law.pmf(range(last)), law.sf(last - 1)]
        assert stats.chisquare(seen, [each * counts.numel() for each in expected]).pvalue > 1e-4
    _, first, second = split(5, seeded)
    for image, shape in ((first, 26 * (1 - a)), (second, 26 * a)):
        assert stats.kstest(image.flatten().numpy() / X, stats.gamma(shape, scale=1 / shape).cdf).pvalue > 1e-4


@pytest.mark.parametrize("number", [6, 8])
def test_laws_that_are_seen_through_the_inverse_of_a(number, seeded):
    """A^-1 y in float32 is split like noise without A; counts are whole again, whatever the rounding of A^-1."""
    model = noise.get(number)
    seen = model.decorrelated()
    assert R2R.wants_decorrelated(model) and R2R.applicable(model).verdict == "indirect"
    y = seen.forward(model.sample(torch.full((1, 3, 64, 64), X), seeded(0)))
    first, second = R2R._split(y, seen.model, seeded(1))
    torch.testing.assert_close((1 - R2R.share) * first + R2R.share * second, y, rtol=0, atol=1e-3)
    if number == 8:
        counts = first * (1 - R2R.share) * model.base.lam
        torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_gaussian_loss_is_that_of_pang_et_al(number, seeded, tiny_network):
    """|f(y + alpha m) - (y - m / alpha)|^2, m of the noise's law at the local mean."""
    model, network = noise.get(number), tiny_network()
    y = model.sample(torch.full((2, 3, 16, 18), X), seeded(0))
    m = model.base.noise(local_mean(y, 5).clamp(0, 255), seeded(3))
    z = y + 0.5 * m
    expected = (((estimate(network, z) - (y - 2 * m)) / UNIT) ** 2).mean()
    loss = R2R.loss(network, batch_of(y, seeded(3), model=model))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    # as it stood while this loss was called noisier2noise
    share = 0.5**2 / (1 + 0.5**2)
    former = (((estimate(network, z) + (z - y) / share - z) / UNIT) ** 2).mean()
    assert loss.item() == pytest.approx(former.item(), rel=1e-5)


def test_noisier2noise_has_this_loss_in_another_unit_of_the_output(seeded, tiny_network):
    """z + g for y is a (z + g / a) for y2, so that both results are the same image."""
    noisier, network, a = dataclasses.replace(methods.get("noisier2noise"), alpha=R2R.alpha), tiny_network().double(), R2R.share
    y = gaussian_world((2, 3, 16, 18), seeded)[1]
    theirs = noisier.loss(network, batch_of(y, seeded(3)))
    ours = R2R.loss(lambda z: network(z) / a, batch_of(y, seeded(3)))
    assert theirs.item() == pytest.approx(a**2 * ours.item(), rel=1e-6)


def test_loss_is_least_at_the_posterior_mean(seeded):
    """E[x | y1] is linear in y1; the loss there is Var[x | y1] and the variance of y2."""
    y = gaussian_world((8, 3, 128, 128), seeded)[1]
    of_first = SPREAD**2 + SIGMA**2 / (1 - R2R.share)
    scale = torch.tensor(SPREAD**2 / of_first, dtype=torch.float64, requires_grad=True)
    loss = R2R.loss(lambda z: (MEAN + scale * (z - MEAN) - z) / UNIT, batch_of(y, seeded(1)))
    loss.backward()
    expected = (SPREAD**2 * (1 - SPREAD**2 / of_first) + SIGMA**2 / R2R.share) / UNIT**2
    assert loss.item() == pytest.approx(expected, rel=5 * math.sqrt(2 / y.numel()))
    assert scale.grad.abs() < 5 * 2 * math.sqrt(expected * of_first / y.numel()) / UNIT


def test_denoises_by_the_mean_over_draws_of_other_noise(seeded):
    """Of E[x | y1], y1 drawn by numbers that the noise of y was not drawn with, also at its seed."""
    method = dataclasses.replace(R2R, draws=3)
    of_first = SPREAD**2 + 1.25 * SIGMA**2
    y = gaussian_world((1, 3, 9, 11), seeded)[1]
    result = method.denoise(lambda z: (MEAN + SPREAD**2 / of_first * (z - MEAN) - z) / UNIT, y, noise.get(1), seeded(5))
    own = methods.derived(seeded(5), "recorruption")
    draws = [y + 0.5 * SIGMA * torch.randn(y.shape, generator=own, dtype=y.dtype) for _ in range(3)]
    torch.testing.assert_close(result, MEAN + SPREAD**2 / of_first * (sum(draws) / 3 - MEAN), rtol=0, atol=1e-9)


def test_verdicts():
    verdicts = {model.number: R2R.applicable(model).verdict for model in noise.catalogue()}
    yes, indirect = dict.fromkeys((1, 2, 3, 4, 5, 7), "yes"), dict.fromkeys((6, 8), "indirect")
    assert verdicts == dict.fromkeys(range(1, 17), "no") | yes | indirect
    assert "mixture" in R2R.applicable(noise.get(7, extra_sigma=5)).reason


@pytest.mark.parametrize("number", [1, 5, 7])
def test_loss_is_deepinvs(number, seeded, tiny_network):
    """On the same y1."""
    package = deepinv()
    model, network = noise.get(number), tiny_network().double()
    y = model.sample(torch.full((2, 3, 16, 18), X, dtype=torch.float64), seeded(0))
    first, _ = R2R._split(y, model, seeded(3))
    recorrupted = type("Recorrupted", (), {"get_corruption": lambda self: first})()
    with torch.no_grad():
        loss = package.loss.R2RLoss(alpha=R2R.share)
        theirs = loss(estimate(network, first), y, package.physics.Denoising(), recorrupted)
        ours = R2R.loss(network, batch_of(y, seeded(3), model=model))
    assert ours.item() == pytest.approx(theirs.mean().item() / UNIT**2, rel=1e-5)

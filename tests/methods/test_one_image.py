"""The methods that train on one image: losses and samplings against float64 written from the papers, and what they see."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import methods
import noise
from methods import _one_image, _painters, deep_image_prior, noise2fast, self2self, zs_n2n
from tests.helpers.quick import quick

METHODS = [method for method in methods.catalogue().values() if method.one_image]


def every(parameter):
    return pytest.mark.parametrize("method", parameter, ids=lambda method: method.slug)


def image(*shape, seed=0):
    return 255 * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def made(build, seed=0):
    return _one_image.initialised(build, torch.Generator().manual_seed(seed))


@torch.no_grad()
def run(method, y, number=1, seed=1):
    return method.denoise(None, y, noise.get(number), torch.Generator().manual_seed(seed))


# ---- all


def test_these_are_there():
    assert {method.slug for method in METHODS} == {"zs-n2n", "noise2fast", "deep-image-prior", "self2self"}
    for method in METHODS:
        assert not method.in_all and not method.trains and method.learns_from == "image" and method.knows == ()


@every(METHODS)
@pytest.mark.parametrize("steps", [2, 3])
def test_it_is_the_same_again_and_the_global_generator_is_left_alone(method, steps):
    method, y = dataclasses.replace(quick(method), steps=steps), image(1, 3, 18, 21)
    first, state = run(method, y), torch.get_rng_state()
    torch.manual_seed(99)
    assert torch.equal(run(method, y), first)
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(run(method, y, seed=2), first)
    assert first.shape == y.shape and not first.requires_grad


@every(METHODS)
def test_every_step_counts(method):
    y = image(1, 3, 16, 16)
    results = [run(dataclasses.replace(quick(method), steps=steps), y) for steps in (1, 4)]
    assert not torch.allclose(*results, atol=1e-3)


@every(METHODS)
def test_verdicts_follow_independence_and_bias(method):
    verdicts = {model.number: method.applicable(model).verdict for model in noise.catalogue()}
    assert {number for number, verdict in verdicts.items() if verdict == "yes"} == {1, 3, 5, 7, 11, 13}
    assert {number for number, verdict in verdicts.items() if verdict == "indirect"} == {6, 8}
    assert "biased" in method.applicable(noise.get(9)).reason and "correlates" in method.applicable(noise.get(12)).reason


def test_weights_are_drawn_as_pytorch_draws_them():
    def build():
        return nn.Sequential(nn.Conv2d(3, 48, 3), nn.Conv2d(48, 48, 1))

    own, usual = made(build), build()
    for mine, its in zip(own.parameters(), usual.parameters(), strict=True):
        assert float(mine.detach().std()) == pytest.approx(float(its.detach().std()), rel=0.25)
    assert all(torch.equal(*pair) for pair in zip(own.parameters(), made(build).parameters(), strict=True))


# ---- ZS-N2N


def test_halves_are_the_papers_two_filters():
    """Its Fig. 2: convolution at stride 2 with [[0, 1/2], [1/2, 0]] and [[1/2, 0], [0, 1/2]]."""
    y = image(1, 3, 7, 9).double()
    kernels = np.array([[[0, 0.5], [0.5, 0]], [[0.5, 0], [0, 0.5]]])
    for found, kernel in zip(zs_n2n.halves(y), kernels, strict=True):
        for i, j in ((0, 0), (1, 2), (2, 3)):
            cell = y[0, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].numpy()
            assert found[0, :, i, j].numpy() == pytest.approx((cell * kernel).sum(axis=(1, 2)))
        assert found.shape == (1, 3, 3, 4)


def test_loss_is_the_papers():
    """Its Eqs. 4 and 5, element by element."""
    y = image(1, 3, 8, 6).double() / 255
    f = made(lambda: zs_n2n.denoiser(3, 4)).double()
    with torch.no_grad():
        found = float(zs_n2n.loss(f, y))

        def network(a):
            return f(torch.from_numpy(a)[None])[0].numpy()

        def d1(a):
            return (a[:, ::2, 1::2] + a[:, 1::2, ::2]) / 2

        def d2(a):
            return (a[:, ::2, ::2] + a[:, 1::2, 1::2]) / 2

        a = y[0].numpy()
        one, two, whole = d1(a), d2(a), a - network(a)
        one_clean, two_clean = one - network(one), two - network(two)
    residual = 0.5 * (np.mean((one_clean - two) ** 2) + np.mean((two_clean - one) ** 2))
    consistency = 0.5 * (np.mean((one_clean - d1(whole)) ** 2) + np.mean((two_clean - d2(whole)) ** 2))
    assert found == pytest.approx(residual + consistency, rel=1e-12)


def test_zs_n2n_removes_noise_in_few_steps():
    x = torch.full((1, 3, 32, 32), 100.0)
    y = noise.get(1).sample(x, torch.Generator().manual_seed(0))
    result = run(zs_n2n.ZSN2N(steps=100), y)
    assert float((result - x).square().mean()) < 0.35 * float((y - x).square().mean())


# ---- Noise2Fast


def test_the_checkerboards_are_apart_and_hold_every_pixel():
    y = torch.arange(24.0).view(1, 1, 4, 6)
    found = noise2fast.pairs(y)
    assert found[0][0].tolist() == [[[[0, 2, 4], [7, 9, 11], [12, 14, 16], [19, 21, 23]]]]
    assert found[2][0].tolist() == [[[[0, 7, 2, 9, 4, 11], [12, 19, 14, 21, 16, 23]]]]
    for given, wanted in found:
        assert sorted([*given.flatten().tolist(), *wanted.flatten().tolist()]) == list(range(24))
    black = set(found[0][0].flatten().tolist())
    for given, wanted in (found[0], found[2]):
        assert set(given.flatten().tolist()) == black and not black & set(wanted.flatten().tolist())
    assert [pair[0].shape[-2:] for pair in found] == [(4, 3), (4, 3), (2, 6), (2, 6)]
    assert torch.equal(found[1][0], found[0][1]) and torch.equal(found[3][1], found[2][0])


def test_checkerboards_of_odd_sides_lose_a_row_and_a_column():
    assert torch.equal(noise2fast.pairs(image(1, 3, 9, 7))[0][0], noise2fast.pairs(image(1, 3, 9, 7)[..., :8, :6])[0][0])


def test_noise2fast_ends_by_its_patience(monkeypatch):
    steps = []
    monkeypatch.setattr(noise2fast.F, "mse_loss", lambda output, y: torch.tensor(float(len(steps) or steps.append(0) or 0)))
    ends = _one_image.fitted

    def counted(network, loss, limit, rate, done):
        ends(network, lambda step: steps.append(step) or loss(step), limit, rate, done)

    monkeypatch.setattr(noise2fast, "fitted", counted)
    run(noise2fast.Noise2Fast(steps=50, channels=4, patience=3), image(1, 1, 8, 8))
    assert steps == [0, 1, 2, 3]  # the first output was nearest, and three more followed


# ---- Deep Image Prior


def test_the_running_variance_is_the_papers_and_its_least_gives_the_image():
    """ES-EMV: V <- (1 - a) (V + a |x - M|^2), M <- (1 - a) M + a x; |x - M|^2 first falls, then grows."""
    sizes = np.concatenate([np.linspace(10, 1, 40), np.linspace(1, 12, 40)])
    outputs = [torch.full((1, 1, 2, 2), float(size * (-1) ** step)).double() for step, size in enumerate(sizes)]
    stop = deep_image_prior._Stop(0.1, 10**6)
    mean, variance, kept = outputs[0].numpy().copy(), 0.0, []
    for output in outputs:
        stop.see(output)
        variance = 0.9 * (variance + 0.1 * np.mean((output.numpy() - mean) ** 2))
        mean = 0.9 * mean + 0.1 * output.numpy()
        kept.append((variance, mean))
    best = min(range(10, 80), key=lambda step: kept[step][0])
    assert 35 < best < 60
    assert stop.least == pytest.approx(kept[best][0]) and stop.since == 79 - best
    assert stop.best.numpy() == pytest.approx(kept[best][1])


def test_deep_image_prior_stops_before_its_budget(monkeypatch):
    monkeypatch.setattr(deep_image_prior._Stop, "see", see_growing)
    method = dataclasses.replace(quick(deep_image_prior.DeepImagePrior()), steps=30, patience=0.1)
    GROWING.clear()
    run(method, image(1, 3, 8, 8))
    assert len(GROWING) == 10 + 3 + 1


GROWING = []
SEE = deep_image_prior._Stop.see


def see_growing(self, output):
    """Outputs that vary more and more."""
    GROWING.append(0)
    SEE(self, torch.full_like(output, 2.0 ** len(GROWING) * (-1) ** len(GROWING)))


def test_the_skip_network_is_the_released_ones_size():
    """Scales of 128 channels, 4 beside: its notebook prints 2217831 parameters for three channels out of 32."""
    network = _painters.skip_network(3, 128, 4, 5)
    assert sum(parameter.numel() for parameter in network.parameters()) == 2217831


# ---- Self2Self


def test_partial_convolution_sees_only_what_is_there():
    layer = made(lambda: _painters._Partial(3, 5)).double()
    x, mask = image(1, 3, 6, 6).double(), (torch.rand(1, 3, 6, 6) < 0.5).double()
    with torch.no_grad():
        h, there = layer(x, mask)
        other, _ = layer(torch.where(mask > 0, x, torch.rand_like(x)), mask)
        assert torch.equal(h, other)
        i, j = 2, 3
        weight, bias = layer.convolution.weight, layer.convolution.bias
        near, seen = x[0, :, i - 1 : i + 2, j - 1 : j + 2], mask[0, :, i - 1 : i + 2, j - 1 : j + 2]
        expected = (weight * near * seen).sum((1, 2, 3)) * 27 / seen.sum() + bias
        assert torch.allclose(h[0, :, i, j], torch.where(expected > 0, expected, 0.1 * expected))
        assert there.unique().tolist() in ([1.0], [0.0, 1.0])


def test_self2self_scores_what_the_network_was_not_shown(monkeypatch):
    """The loss does not depend on the shown values' error, and the network's input not on the hidden values."""
    seen = []
    forward = _painters.PartialNetwork.forward

    def watched(self, x, mask):
        assert not (x * (1 - mask)).any()
        seen.append(float(mask[..., :18, :21].mean()))
        assert not mask[..., 18:, :].any() or mask.shape[-2] == 32
        return forward(self, x, mask)

    monkeypatch.setattr(_painters.PartialNetwork, "forward", watched)
    run(dataclasses.replace(quick(self2self.Self2Self()), steps=1, draws=20), image(1, 3, 18, 21))
    assert np.mean(seen) == pytest.approx(0.7, abs=0.03) and len(seen) == 21

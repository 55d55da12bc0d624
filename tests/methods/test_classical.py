"""The methods that learn nothing: formulas against float64, transforms against quadrature, scikit-image's own functions."""

import dataclasses
import importlib.util
import math

import numpy as np
import pytest
import skimage.data
import torch
from scipy import stats
from skimage import restoration

import methods
import noise
from methods import _stabilise, nl_ridge

MODELS = noise.catalogue()
SMALL = {"window": 13, "first": 12, "second": 30, "stride": 4}


def photograph(side=64):
    return torch.from_numpy(skimage.data.chelsea()[100 : 100 + side, 160 : 160 + side].copy()).permute(2, 0, 1)[None].float()


def psnr(a, b):
    return float(10 * torch.log10(255**2 / (a - b).square().mean()))


def denoised(method, model, x, seed=0):
    """(noisy, denoised) as the harness would."""
    y = model.sample(x, torch.Generator().manual_seed(seed))
    seen = model.decorrelated() if method.wants_decorrelated(model) else None
    law, given = (model, y) if seen is None else (seen.model, seen.forward(y))
    result = method.denoise(None, given, law, torch.Generator())
    return y, result if seen is None else seen.backward(result)


# ---- NL-Ridge


def group(seed=0, k=7, n=25):
    generator = np.random.default_rng(seed)
    x = generator.normal(100, 20, (k, n)) + generator.normal(0, 30, n)
    root = generator.normal(0, 4, (k, k))
    return x, root @ root.T + 50 * np.eye(k)  # patches and the noise's covariance, summed over their pixels


def test_second_weights_have_the_least_risk():
    """Their risk |T X - X|^2 + tr(T D T') has no slope."""
    x, noise_ = group()
    expected = x @ x.T @ np.linalg.inv(x @ x.T + noise_)
    got = nl_ridge.least_risk(torch.tensor(x @ x.T + noise_), torch.tensor(noise_), 0.0).numpy()
    assert got == pytest.approx(expected, abs=3e-5)
    slope = (expected - np.eye(7)) @ (x @ x.T) + expected @ noise_
    assert np.abs(slope).max() < 1e-6 * np.abs(x @ x.T).max()


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_first_weights(alpha):
    """Without alpha they minimise Stein's estimate |T Y - Y|^2 + 2 tr(T D), which has no slope there."""
    x, noise_ = group()
    y = x + np.random.default_rng(1).normal(0, 10, x.shape)
    square = y @ y.T
    got = nl_ridge.least_risk(torch.tensor(square), torch.tensor(noise_), alpha).numpy()
    slope = (np.eye(7) - got) @ (square + alpha * noise_) - (1 + alpha) * noise_
    assert np.abs(slope).max() < 2e-4 * np.abs(noise_).max()


def test_covariance_of_patches_is_that_of_convolved_noise():
    """Against the dense matrix of A: sums over a patch's pixels of Cov(p + i, q + i)."""
    model, side, patch = noise.get("poisson-conv+gaussian"), 14, 3
    a = model.convolution.apply(torch.eye(side * side).double().view(-1, side, side)).flatten(1)
    dense = 40.0 * a.T @ a + model.gaussian**2 * torch.eye(side * side)
    corners = torch.tensor([[30, 31, 45, 58, 80, 32]])
    pixels = torch.arange(side * side).view(side, side)[:patch, :patch].flatten()
    places = corners[0][:, None] + pixels
    expected = dense[places[:, None], places[None]].sum(-1)
    levels = expected.diagonal()[None, None]
    like = torch.zeros(3, side, side, dtype=torch.float64)
    got = nl_ridge.Correlation.of(model, like).between(corners, levels, side, patch**2)
    assert torch.allclose(got[0, 0], expected, atol=1e-4)  # the kernel's digits are float32
    assert expected[0, [1, 4]].tolist() == pytest.approx([36, 0], abs=1e-4)  # 9 pixels x 40 x 0.1 beside one another, 0 far off


def test_groups_are_the_most_similar_patches():
    method = nl_ridge.NLRidge(patch=5, window=9, stride=3)
    image = torch.rand(3, 20, 23, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = method._groups(image, 10)
    corners = [(i, j) for i in range(0, 16, 3) for j in range(0, 19, 3)]
    assert found.shape == (len(corners), 10)
    for number, (i, j) in enumerate(corners):
        near = [(k, m) for k in range(max(0, i - 4), min(15, i + 4) + 1) for m in range(max(0, j - 4), min(18, j + 4) + 1)]
        apart = {
            k * 23 + m: float((image[:, i : i + 5, j : j + 5] - image[:, k : k + 5, m : m + 5]).square().sum()) for k, m in near
        }
        assert set(found[number].tolist()) == set(sorted(apart, key=apart.__getitem__)[:10])


def test_groups_do_not_depend_on_how_many_rows_fit_in_memory(monkeypatch):
    image = torch.rand(3, 29, 25, generator=torch.Generator().manual_seed(0))
    whole = nl_ridge.NLRidge(**SMALL)._groups(image, 6)
    monkeypatch.setattr(nl_ridge, "_AT_ONCE", 1)
    assert torch.equal(nl_ridge.NLRidge(**SMALL)._groups(image, 6).sort(dim=1).values, whole.sort(dim=1).values)


@pytest.mark.parametrize("shape", [(1, 3, 21, 30), (2, 1, 24, 17)], ids=str)
def test_patches_are_put_back_where_they_were(shape):
    x = 255 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
    result = nl_ridge.NLRidge(**SMALL).denoise(None, x, noise.get(1, sigma=0.01), torch.Generator())
    assert torch.allclose(result, x, atol=0.05)


# ---- the transforms


def quantiles(model, x, count=20_000):
    """Equally likely values of y given x, where it is independent of other pixels' and no mixture."""
    u = (np.arange(count) + 0.5) / count
    base = model.base
    if model.slug.startswith("gaussian"):
        gain = 1.0 if model.convolution is None else model.convolution.noise_gain()
        return x + gain * (base.slope * x + base.intercept) * stats.norm.ppf(u)
    if model.slug.startswith("gamma"):
        return stats.gamma.ppf(u, base.alpha, scale=x / base.alpha)
    if model.slug.startswith("rayleigh"):
        return x + x * stats.rayleigh.ppf(u, scale=base.sigma)
    return stats.poisson.ppf(u, base.lam * x) / base.lam


@pytest.mark.parametrize("number", [3, 4, 5, 7, 9, 11, 13, 15])
def test_inverse_is_exact_and_unbiased(number):
    """E[f(y) | x] by quadrature: the law's quantiles, and Gauss-Hermite for what is added."""
    model = noise.get(number)
    found = _stabilise.stabiliser(model)
    for x in (1.0, 10.0, 60.0, 200.0, 255.0):
        y = quantiles(model, x)[:, None]
        nodes, weights = np.polynomial.hermite_e.hermegauss(25)
        y = torch.from_numpy(y + model.gaussian * nodes) if model.gaussian else torch.from_numpy(y)
        mean = found.forward(y).mean(dim=0)
        mean = (mean * torch.from_numpy(weights)).sum() / weights.sum() if model.gaussian else mean[0]
        assert float(found.backward(mean)) == pytest.approx(x, rel=5e-4, abs=0.04)


@pytest.mark.parametrize("number", [12, 14, 16])
def test_inverse_for_convolved_mixtures_by_sampling(number):
    model, generator = noise.get(number), np.random.default_rng(0)
    weights, count = np.array(model.convolution.kernel).flatten(), 200_000
    found = _stabilise.stabiliser(model)
    for x in (5.0, 150.0):
        if "poisson" in model.slug:
            parts = generator.poisson(model.base.lam * x, (9, count)) / model.base.lam
        else:
            law = stats.gamma(model.base.alpha, scale=1 / model.base.alpha) if "gamma" in model.slug else None
            scale = law.rvs((9, count), random_state=generator) if law else 1 + generator.rayleigh(model.base.sigma, (9, count))
            parts = x * scale
        y = torch.from_numpy(weights @ parts + model.gaussian * generator.standard_normal(count))
        tolerance = 4 * float(y.std()) / math.sqrt(count)
        assert float(found.backward(found.forward(y).mean())) == pytest.approx(x, abs=0.05 + tolerance)


def test_anscombe():
    k = torch.arange(50.0, dtype=torch.float64)
    lam = noise.get(7).base.lam
    assert torch.allclose(_stabilise.stabiliser(noise.get(7)).forward(k / lam), 2 * (k + 0.375).sqrt())
    y = torch.linspace(-10, 300, 50, dtype=torch.float64)
    generalised = 2 * lam * (y / lam + 0.375 / lam**2 + 100).clamp(min=0).sqrt()
    assert torch.allclose(_stabilise.stabiliser(noise.get(13)).forward(y), generalised, rtol=1e-6)


@pytest.mark.parametrize("model", [model for model in MODELS if model.traits.signal_dependent], ids=lambda model: model.slug)
def test_the_variance_is_stabilised(model):
    """To within 15 % wherever the noise has a standard deviation above 4 grey levels, and at x = 30 or more."""
    found = _stabilise.stabiliser(model)
    for x in (30.0, 100.0, 250.0):
        y = model.sample(torch.full((1, 1, 120, 120), x), torch.Generator().manual_seed(3))
        assert float(found.forward(y).std()) == pytest.approx(
            found.sigma, rel=0.15 if float(model.std(torch.tensor(x))) > 4 else 0.4
        )


def test_extreme_values_stay_finite():
    y = torch.tensor([-1e6, -300.0, 0.0, 1e6]).view(1, 1, 1, 4)
    for model in MODELS:
        if model.traits.signal_dependent:
            found = _stabilise.stabiliser(model)
            z = found.forward(y)
            assert z.isfinite().all() and z.dtype == torch.float32
            assert (found.backward(z).flatten().diff() >= 0).all() and found.backward(z)[0, 0, 0, -1] == pytest.approx(1020)


def test_sub_images_are_denoised_apart_and_put_back():
    model = noise.get(4)
    y = 100 + 10 * torch.randn(1, 3, 100, 101)
    seen = []

    def denoise(z, sigma):
        seen.append(tuple(z.shape[-2:]))
        return z

    result = _stabilise.with_known_law(denoise, y, model)
    found = _stabilise.stabiliser(model)
    assert (
        torch.equal(result, found.backward(found.forward(y)))
        and len(seen) == 9
        and set(seen) <= {(33, 33), (33, 34), (34, 33), (34, 34)}
    )


# ---- scikit-image's


def plain(slug, image):
    if slug == "total-variation":
        return restoration.denoise_tv_chambolle(image, weight=15.0, channel_axis=-1)
    if slug == "wavelets":
        return restoration.denoise_wavelet(image, sigma=25.0, wavelet="db2", convert2ycbcr=True, channel_axis=-1)
    return restoration.denoise_nl_means(
        image, patch_size=5, patch_distance=11, h=10.0, sigma=25.0, fast_mode=True, channel_axis=-1
    )


@pytest.mark.parametrize("slug", ["total-variation", "wavelets", "non-local-means"])
def test_gaussian_noise_of_one_level_is_scikit_images(slug):
    y, result = denoised(methods.get(slug), noise.get(1), photograph(48))
    expected = plain(slug, y[0].permute(1, 2, 0).numpy())
    assert np.array_equal(result[0].permute(1, 2, 0).numpy(), expected.astype(np.float32))


# ---- all


QUICK = [methods.get("total-variation"), methods.get("wavelets"), nl_ridge.NLRidge(**SMALL)]


@pytest.mark.parametrize("method", QUICK, ids=lambda method: method.slug)
def test_beats_its_input_on_every_row(method):
    """Also its bias: the mean of the image comes out within 2 %. On Nos. 6 and 8, wavelets beat A^-1 y, but not y."""
    x = photograph(64)
    for model in MODELS:
        y, result = denoised(method, model, x)
        given = model.convolution.inverse(y) if method.slug == "wavelets" and model.number in (6, 8) else y
        assert psnr(result, x) > psnr(given, x), model.slug
        assert float(result.mean()) == pytest.approx(float(x.mean()), rel=0.02), model.slug


def test_non_local_means_beats_its_input():
    x = photograph(64)
    for number in (1, 7, 9, 14):
        y, result = denoised(methods.get("non-local-means"), noise.get(number), x)
        assert psnr(result, x) > psnr(y, x) + 1


def test_bm3d_beats_its_input():
    pytest.importorskip("bm3d", reason="the package bm3d is not installed")
    x = photograph(40)
    for number in (1, 7):
        y, result = denoised(methods.get("bm3d"), noise.get(number), x)
        assert psnr(result, x) > psnr(y, x) + 4


def test_without_its_package_bm3d_is_left_out_and_the_reason_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    answers = {methods.answers(methods.get("bm3d"), model) for model in MODELS}
    ((answer, wanted),) = answers
    assert answer.verdict == "no" and "pip install 'denoisebench[bm3d]'" in answer.reason and not wanted
    assert methods.get("bm3d").applicable(MODELS[0]).verdict == "yes"  # what its card says is the same everywhere


def test_verdicts():
    def numbers(slug, verdict):
        return [model.number for model in MODELS if methods.get(slug).applicable(model).verdict == verdict]

    for slug in ("total-variation", "wavelets", "non-local-means"):
        assert numbers(slug, "indirect") == [2, 6, 8, 10] and numbers(slug, "infeasible") == [12, 14, 16]
    assert numbers("nl-ridge", "indirect") == [6, 8, 10] and len(numbers("nl-ridge", "yes")) == 13
    varied = dataclasses.replace(noise.get(12), gaussian=0.0)
    assert methods.get("wavelets").applicable(varied).verdict == "indirect"

"""Samples of every noise model: shape, seeds, moments in closed form, distributions."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

import noise

MODELS = pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.4, 0.1], [0.05, 0.1, 0.05]])
#: Standard errors by which a statistic may miss; chance alone exceeds 5 in one of 1000 runs of these 2300 comparisons.
LIMIT = 5.0


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@MODELS
@pytest.mark.parametrize("shape", [(3, 8, 6), (2, 3, 7, 5), (1, 1, 1, 9), (3, 2, 2), (4, 1, 1)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_shape_and_dtype_are_kept(model, shape, dtype):
    x = torch.full(shape, 100.0, dtype=dtype)
    y = model.sample(x, seeded(0))
    assert y.shape == x.shape
    assert y.dtype == dtype
    assert y.device == x.device
    assert y.isfinite().all()
    assert not torch.equal(y, x)
    assert (x == 100).all()  # the clean image is not written to


@MODELS
def test_draws_follow_the_generator(model):
    x = torch.full((3, 16, 15), 100.0)
    first = model.sample(x, seeded(1))
    assert torch.equal(first, model.sample(x, seeded(1)))
    assert not torch.equal(first, model.sample(x, seeded(2)))
    generator = seeded(1)
    model.sample(x, generator)
    assert not torch.equal(first, model.sample(x, generator))  # the second draw of one generator


@MODELS
def test_the_global_generator_is_used_only_without_another(model):
    x = torch.full((3, 16, 15), 100.0)
    before = torch.get_rng_state()
    model.sample(x, seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    first = model.sample(x)
    torch.manual_seed(3)
    assert torch.equal(first, model.sample(x))
    torch.set_rng_state(before)


@MODELS
def test_nothing_is_clipped_or_rounded(model):
    bright = model.sample(torch.full((3, 64, 64), 255.0), seeded(0))
    assert float(bright.max()) > 270
    dark = model.sample(torch.full((3, 64, 64), 2.0), seeded(0))
    if model.traits.additive or model.traits.gaussian:
        assert float(dark.min()) < -10
    else:  # products of positive numbers, and the kernel has no negative entry
        assert float(dark.min()) >= -1e-4
    if "poisson" not in model.slug:
        assert float((bright != bright.round()).float().mean()) > 0.99


@MODELS
def test_integer_images_are_refused(model):
    with pytest.raises(TypeError, match="expected grey levels as float32 or float64"):
        model.sample(torch.full((3, 4, 4), 100, dtype=torch.uint8))


def base_moments(model, x):
    """Mean, variance and third central moment of the noise before A, by hand, for default parameters."""
    if model.traits.additive:
        std = 25 + (25 / 255) * x if "affine" in model.slug else 25 + 0 * x
        return x, std**2, 0 * x
    base = model.slug.split("+")[0].removesuffix("-conv")
    if base == "gamma":  # of a Gamma(26, 26) variable: mean 1, variance 1/26, third moment 2/26^2
        return x, x**2 / 26, 2 * x**3 / 26**2
    if base == "poisson":  # all cumulants of a count are its mean, x/5
        return x, 5 * x, 25 * x
    assert base == "rayleigh"
    variance = (4 - math.pi) / 2 * (0.3 * x) ** 2
    skewness = 2 * math.sqrt(math.pi) * (math.pi - 3) / (4 - math.pi) ** 1.5
    return (1 + 0.3 * math.sqrt(math.pi / 2)) * x, variance, skewness * variance**1.5


def dense(height, width):
    """A as a matrix on flattened images."""
    units = np.eye(height * width).reshape(-1, height, width)
    return np.stack([ndimage.convolve(unit, KERNEL, mode="wrap").ravel() for unit in units], axis=1)


def expected_moments(model, x):
    """Mean image, covariance matrix and third central moments of y on one channel x, through a dense A."""
    height, width = x.shape
    a = dense(height, width) if "conv" in model.slug else np.eye(height * width)
    mean, variance, third = (moment.ravel() for moment in base_moments(model, x))
    added = 100.0 if model.slug.endswith("+gaussian") else 0.0
    # Additive noise leaves the image as it is: A acts on the noise alone.
    mean = mean if model.traits.additive else a @ mean
    return mean, (a * variance) @ a.T + added * np.eye(len(a)), a**3 @ third


def assert_expected(draws, expected, what):
    """The mean over independent `draws` (first axis) is `expected` (one value each of the other axis) within LIMIT."""
    error = draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    misses = np.abs(draws.mean(axis=0) - expected) / error
    assert misses.max() < LIMIT, f"{what}: off by {misses.max():.1f} standard errors at {misses.argmax()}"


@MODELS
@pytest.mark.parametrize("levels", [(120.0, 120.0), (40.0, 220.0)], ids=["constant", "two-level"])
def test_moments_have_their_closed_forms(model, levels):
    """Mean, variance, third moment and covariances of neighbours, in each column of an image of two levels."""
    height, width = 6, 8
    x = np.where(np.arange(width) < width // 2, *levels) * np.ones((height, 1))
    mean, covariance, third = expected_moments(model, x)
    batch = torch.from_numpy(x).expand(5000, 3, height, width)
    y = model.sample(batch, seeded(model.number)).numpy().reshape(-1, height, width)
    centred = y - mean.reshape(height, width)

    # All rows are alike, and every channel of every image is one independent draw: average over rows, then over draws.
    assert_expected(y.mean(axis=1), mean.reshape(height, width).mean(axis=0), "mean")
    assert_expected((centred**3).mean(axis=1), third.reshape(height, width).mean(axis=0), "third moment")
    index = np.arange(height * width).reshape(height, width)
    for lag in ((0, 0), (0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 2)):
        neighbour = np.roll(index, lag, axis=(0, 1))
        expected = covariance[index, neighbour].mean(axis=0)
        products = centred * np.roll(centred, lag, axis=(1, 2))
        assert_expected(products.mean(axis=1), expected, f"covariance at lag {lag}")


@MODELS
def test_parameters_change_the_variance_as_they_should(model):
    """Each parameter at another value, variance on a constant image: a parameter that is ignored shows."""
    x = torch.full((3, 128, 128), 100.0, dtype=torch.float64)
    gain = float((KERNEL**2).sum()) if "conv" in model.slug else 1.0
    variances = {
        "sigma": lambda v: v["sigma"] ** 2 * (gain if model.traits.additive else 1),
        "extra_sigma": lambda v: v["extra_sigma"] ** 2,
        "alpha": lambda v: gain * 100**2 / v["alpha"],
        "lam": lambda v: gain * 100 / v["lam"],
        "scale": lambda v: gain * (2 - math.pi / 2) * (100 * v["scale"]) ** 2,
        "a": lambda v: gain * (100 * v["a"] + v["b"]) ** 2,
    }
    for name, value in model.parameters.items():
        other = noise.get(model.number, **{name: 1.5 * value or 7.0})
        expected = sum(variances[key](other.parameters) for key in other.parameters if key != "b")
        y = other.sample(x, seeded(4))
        # 0.6 % is the standard error of 49,152 independent Gaussian values; correlation and tails make it about 1 %.
        assert float(y.var()) == pytest.approx(expected, rel=0.05), name


def test_poisson_noise_is_in_multiples_of_one_over_lambda():
    x = torch.linspace(0.5, 255, 10_000, dtype=torch.float64).reshape(1, 100, 100)
    for lam in (0.2, 0.5, 3.0):
        counts = noise.get("poisson", lam=lam).sample(x, seeded(0)) * lam
        torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-9)
        counts = noise.Convolution().inverse(noise.get("poisson-conv", lam=lam).sample(x, seeded(0))) * lam
        torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-9)
    mixed = noise.get("poisson+gaussian").sample(x, seeded(0)) * 0.2
    assert float((mixed - mixed.round()).abs().mean()) > 0.2  # 0.25 for a fraction spread evenly


def test_poisson_counts_of_zero_are_as_frequent_as_they_should_be():
    y = noise.get("poisson").sample(torch.full((1, 200, 200), 10.0), seeded(0))
    share, expected = float((y == 0).double().mean()), math.exp(-2)
    assert abs(share - expected) < LIMIT * math.sqrt(expected * (1 - expected) / y.numel())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("slug", "standardise", "law"),
    [
        ("gaussian", lambda y: (y - 80) / 25, stats.norm()),
        ("gaussian-affine", lambda y: (y - 80) / (25 + 80 * 25 / 255), stats.norm()),
        ("gamma", lambda y: y / 80, stats.gamma(26, scale=1 / 26)),
        ("rayleigh", lambda y: y / 80 - 1, stats.rayleigh(scale=0.3)),
    ],
    ids=["gaussian", "gaussian-affine", "gamma", "rayleigh"],
)
def test_distributions_pass_kolmogorov_smirnov(slug, standardise, law, dtype):
    y = noise.get(slug).sample(torch.full((1, 200, 200), 80.0, dtype=dtype), seeded(11))
    assert stats.kstest(standardise(y.double().numpy().ravel()), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("slug", ["gamma", "poisson", "rayleigh"])
def test_black_pixels_have_no_multiplicative_noise(slug):
    assert (noise.get(slug).sample(torch.zeros(3, 8, 8), seeded(0)) == 0).all()


def test_rayleigh_noise_is_never_exactly_zero(monkeypatch):
    """A uniform number of 0 gives y = x without a guard, and there the score is infinite."""
    monkeypatch.setattr(torch, "rand", lambda shape, **options: torch.zeros(shape, dtype=options["dtype"]))
    model = noise.get("rayleigh")
    for dtype in (torch.float32, torch.float64):
        x = torch.full((3, 4, 4), 100.0, dtype=dtype)
        y = model.sample(x)
        assert (y > x).all()
        assert model.score(x, y).isfinite().all()


@MODELS
def test_std_and_mean_gain_are_those_of_samples(model):
    """On images of one grey level each, so that A mixes no levels and keeps the mean."""
    for level in (0.0, 3.0, 100.0, 255.0):
        x = torch.full((1, 400, 400), level, dtype=torch.float64)
        y = model.sample(x, seeded(9))
        std = float(model.std(x)[0, 0, 0])
        assert float(y.std()) == pytest.approx(std, rel=0.03)
        assert float(y.mean()) == pytest.approx(model.mean_gain * level, abs=5 * std / 400 + 1e-9)


@MODELS
def test_stein_noise_and_unbiased_estimate_have_the_moments_of_the_samples(model):
    """Covariance of neighbours too: on a flat image, where A mixes no levels."""
    x = torch.full((1, 1000, 1000), 150.0, dtype=torch.float64)
    y = model.sample(x, seeded(3))
    noise_ = model.stein_noise(x, y, seeded(4))
    assert float(model.unbiased(y).mean()) == pytest.approx(150.0, abs=0.3)
    assert float(noise_.mean()) == pytest.approx(0.0, abs=0.3)
    centred = y - y.mean()
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2)):
        of_y, of_noise = (float((z * z.roll(shift, (-2, -1))).mean()) for z in (centred, noise_))
        assert of_noise == pytest.approx(of_y, abs=0.03 * float(centred.var()))
    # Stein's identity E[n f(n)] = E[b^2 f'(n)] for n^2 (the skewness, which a b that is independent of y has 0 for) and tanh n
    scale, b = float(centred.std()), noise_
    assert float((2 * centred * b**2).mean()) == pytest.approx(float((centred**3).mean()), abs=0.03 * scale**3)
    curved = (centred / scale).tanh()
    derivative = (1 - curved**2) / scale
    assert float((b**2 * derivative).mean()) == pytest.approx(float((centred * curved).mean()), abs=0.02 * scale)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("number", "law"), [(5, stats.gamma(26, scale=80 / 26)), (9, stats.rayleigh(loc=80, scale=24))], ids=["gamma", "rayleigh"]
)
def test_stein_kernels_are_integrals_of_the_density(number, law, dtype):
    """t(z) p(z) is the integral of (v - E z) p(v) over v > z."""
    z = law.ppf([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])
    expected = [law.expect(lambda v: v - law.mean(), lb=value) / law.pdf(value) for value in z]
    kernel = noise.get(number).base.stein_kernel(torch.tensor(80.0, dtype=dtype), torch.from_numpy(z).to(dtype))
    rtol, atol = (1e-5, 0) if dtype == torch.float64 else (1e-4, 0.05)  # in float32 z - x has few digits where z is near x
    np.testing.assert_allclose(kernel, expected, rtol=rtol, atol=atol)


def test_stein_noise_of_images_without_light_is_finite():
    for model in noise.catalogue():
        for y in (-50.0, 0.0, 300.0):
            found = model.stein_noise(torch.zeros(1, 3, 9, 8), torch.full((1, 3, 9, 8), y), seeded(0))
            assert found.dtype == torch.float32 and found.isfinite().all(), model.slug


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_by_sampling_and_solving(kind):
    y = torch.full((1, 3, 8, 8), 90.0, dtype=kind)
    for work in (lambda: noise.get(1).sample(y), lambda: noise.get(9).solve(y, y)):
        with pytest.raises(TypeError, match=f"image of {kind}: expected"):
            work()


@pytest.mark.parametrize("number", range(1, 17))
def test_negative_images_are_refused_where_the_noise_is_not_additive(number):
    x = torch.full((1, 3, 8, 8), -1.5)
    if number <= 4:
        assert noise.get(number).sample(x).isfinite().all()
    else:
        with pytest.raises(ValueError, match=r"image with a value of -1\.5: expected grey levels from 0 on"):
            noise.get(number).sample(x)


def test_scores_of_another_shape_are_refused():
    y = torch.full((1, 3, 8, 8), 90.0)
    with pytest.raises(ValueError, match=r"noisy image of shape \(1, 3, 8, 8\), score of \(8, 8\): expected one shape"):
        noise.get(1).solve(y, y[0, 0])

"""`solve` stays finite, whatever a network gives it, and does something sensible where Eq. 7 has no solution."""

import itertools

import pytest
import torch

import noise
from noise.convolution import Convolution
from noise.gaussian import Gaussian

MODELS = pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
#: Models whose guards depend on a parameter, far from the default.
UNUSUAL = [
    *[noise.get(1, sigma=1000), noise.get(3, a=0.98), noise.get(4, a=0.98), noise.get(4, a=3, b=0.01)],
    *[noise.get(6, alpha=1.001), noise.get(12, alpha=1e5), noise.get(8, lam=1e-4), noise.get(14, lam=100, sigma=100)],
    *[noise.get(10, scale=1e-3), noise.get(16, scale=50)],
]


def magnitudes(shape, dtype, seed):
    """Numbers of either sign from 1e-30 to 1e30, a tenth of them 0."""
    generator = torch.Generator().manual_seed(seed)
    exponent, sign, zero = (torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(3))
    values = torch.where(sign < 0.5, -1.0, 1.0) * 10 ** (60 * exponent - 30)
    return torch.where(zero < 0.1, torch.zeros_like(values), values).to(dtype)


@pytest.mark.parametrize("model", [*noise.catalogue(), *UNUSUAL], ids=lambda model: f"{model.slug}{model.parameters}")
@DTYPES
@pytest.mark.parametrize("sigma_a", [0.0, 5.1])
def test_solutions_are_finite_for_all_finite_input(model, dtype, sigma_a):
    for seed in range(2):
        y, s = magnitudes((3, 40, 39), dtype, seed), magnitudes((3, 40, 39), dtype, seed + 100)
        for scores in (s, s.clamp(-1, 1), 0 * s):
            x = model.solve(y, scores, sigma_a=sigma_a)
            assert x.shape == y.shape
            assert x.dtype == dtype
            assert x.isfinite().all()


@MODELS
@DTYPES
def test_the_largest_numbers_of_a_dtype_are_survived(model, dtype):
    largest = torch.finfo(dtype).max
    y, s = (
        grid.reshape(1, 3, 3)
        for grid in torch.meshgrid(*[torch.tensor([-largest, 0, largest], dtype=dtype)] * 2, indexing="ij")
    )
    assert model.solve(y, s).isfinite().all()


@pytest.mark.parametrize(
    "model", [model for model in noise.catalogue() if not model.traits.convolved], ids=lambda model: model.slug
)
def test_ordinary_pixels_beside_wild_ones_are_not_spoilt(model):
    """Without A, a pixel's solution depends on that pixel alone."""
    y, s = torch.full((1, 2, 2), 100.0, dtype=torch.float64), torch.full((1, 2, 2), 0.001, dtype=torch.float64)
    alone = model.solve(y, s)
    y[0, 0, 0], s[0, 0, 0] = -1e20, 1e20
    beside = model.solve(y, s)
    torch.testing.assert_close(beside.flatten()[1:], alone.flatten()[1:], rtol=1e-13, atol=0)


@MODELS
def test_results_are_not_clamped_to_grey_levels(model):
    """That is the evaluation's to do."""
    y = torch.full((3, 8, 8), 400.0, dtype=torch.float64)
    assert float(model.solve(y, torch.zeros_like(y)).max()) > 280


def solve_one(slug, y, s):
    pixel = torch.ones(1, 1, 1, dtype=torch.float64)
    return float(noise.get(slug).solve(y * pixel, s * pixel))


@pytest.mark.parametrize("s", [0.25, 0.2500001, 0.3, 10.0, 1e5])
def test_gamma_scores_beyond_the_pole_give_the_largest_plausible_image(s):
    """alpha - 1 - y s <= 0 has no solution x > 0; y / x is then kept at its 1e-12 quantile, 0.16, whatever s is."""
    x = solve_one("gamma", 100.0, s)
    assert x == solve_one("gamma", 100.0, 1e6)
    assert 100.0 < x < 1000.0


def test_gamma_solutions_grow_steadily_up_to_the_guard():
    solutions = [solve_one("gamma", 100.0, s / 1000) for s in range(-1000, 400)]
    assert all(low <= high for low, high in itertools.pairwise(solutions))
    assert min(solutions) > 0


@pytest.mark.parametrize("slug", ["gamma", "poisson", "rayleigh", "gamma+gaussian", "poisson+gaussian", "rayleigh+gaussian"])
def test_negative_intensities_count_as_black(slug):
    """A N(x) is positive, but y + sigma^2 s need not be, nor need A^-1 y."""
    assert solve_one(slug, -50.0, 0.0) == 0
    assert solve_one(slug, -1e-30, 0.0) >= 0


def test_poisson_scores_are_limited_where_a_count_of_zero_is_implausible():
    """A count of 0 has a probability below 1e-12 from lam x = 27.6, so 138 grey levels."""
    assert solve_one("poisson", 0.0, 1e5) == pytest.approx(27.631 / 0.2, rel=1e-4)
    assert solve_one("poisson", 0.0, -1e5) == 0


@pytest.mark.parametrize("y", [-400.0, -200.0, -100.0, 0.0, 100.0, 255.0, 600.0])
@pytest.mark.parametrize("sigma_a", [0.0, 5.1])
def test_affine_scores_without_a_solution_count_as_the_nearest_that_has_one(y, sigma_a):
    """As s grows, No. 3's root meets the other one and both become complex: x grows up to there, and stays."""
    a, b = 25 / 255, 25.0
    s = torch.linspace(-0.5, 0.5, 20_001, dtype=torch.float64)[None, None]
    x = noise.get("gaussian-affine").solve(torch.full_like(s, y), s, sigma_a=sigma_a)
    assert (x.diff() >= -1e-9).all()
    discriminant = (1 - 2 * a * b * s) ** 2 - 4 * a * a * s * ((b * b + sigma_a**2) * s + y)
    solvable = (discriminant >= 0) & ((1 - 2 * a * s * (a * x + b)) >= 0)  # the second: still on this root's side
    residual = ((a * x + b) ** 2 + sigma_a**2) * s + y - x
    assert float(residual[discriminant > 1e-9].abs().max()) < 1e-6
    beyond = x[discriminant < 0]
    assert beyond.numel() > 0
    assert (solvable | (discriminant < 1e-9)).all()
    for side in (beyond[beyond > y], beyond[beyond < y]):
        if side.numel():
            assert float(side.max() - side.min()) < 1e-4
            if not sigma_a:
                torch.testing.assert_close(side, torch.full_like(side, 2 * y + b / a), rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
@DTYPES
def test_rayleigh_solutions_satisfy_the_equation(seed, dtype):
    """For scores of any quality Eq. 7 has one solution x < z, and Newton's method finds it."""
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(3, 1, 1, 5000, generator=generator, dtype=torch.float64)
    z = 0.1 + 300 * random[0]
    s = (2 * random[1] - 1) * 10 ** (4 * random[2] - 2)
    x = noise.get("rayleigh").solve(z.to(dtype), s.to(dtype)).double()
    t = z / x - 1
    assert (x > 0).all()
    assert (x <= z * (1 + 1e-6)).all()
    # Eq. 7 times sigma^2 t z, where rounding is to be measured against the largest term, and against that of t itself.
    terms = torch.stack([t**3, t**2, 0.09 * (s * z - 1) * t, torch.full_like(t, -0.09)])
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    steep = (3 * t**2 + 2 * t + 0.09 * (s * z - 1)).abs() * (1 + t)
    assert (terms.sum(0).abs() <= tolerance * (terms.abs().sum(0) + steep)).all()


def test_coupled_affine_noise_without_blur_is_affine_noise():
    """With a kernel that leaves the image as it is, No. 4 is No. 3: the same root where there is one; beyond, no more than
    where the roots meet, so that a pixel of the dark with too large a score does not run off to white."""
    a, b = 25 / 255, 25.0
    plain, coupled = Gaussian(b, a), Gaussian(b, a, Convolution(((1.0,),)))
    y = torch.linspace(-60, 250, 32, dtype=torch.float64).reshape(1, 1, 4, 8)
    meet = 0.25 / (a * (a * y + b))  # the score at which the two roots meet
    for share in (-2.0, -0.5, 0.0, 0.5, 0.9, 0.99):
        s = share * meet
        torch.testing.assert_close(coupled.solve(y, s, None, 0.0), plain.solve(y, s, None, 0.0), rtol=0, atol=1e-6)
    for share in (1.01, 2.0, 50.0):
        beyond = coupled.solve(y, share * meet, None, 0.0)
        assert (beyond >= y).all() and (beyond <= 2 * y + b / a + 1e-6).all()

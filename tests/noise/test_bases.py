"""The registry of bases: each keeps the contract and has the moments and scores of SciPy; a bad file costs itself alone."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import noise
from bench.contract.noises import faults
from noise import Base, _finding
from noise.log_normal import LogNormal
from noise.rician import Rician
from noise.rows import RowNoise
from noise.speckle import Speckle
from noise.uniform import Uniform

NEW = ("bernoulli", "log-normal", "rician", "rows", "speckle", "uniform")
#: Values beside the defaults.
OTHERS = {
    "bernoulli": {"keep": 0.1},
    "gamma": {"alpha": 4.0},
    "gaussian": {"sigma": 60.0},
    "gaussian-affine": {"a": 0.05, "b": 5.0},
    "log-normal": {"spread": 0.6},
    "poisson": {"lam": 0.02},
    "rayleigh": {"scale": 0.9},
    "rician": {"sigma": 60.0},
    "rows": {"sigma": 5.0},
    "uniform": {"half_width": 3.0},
}


def law(base: Base, x: float):  # type: ignore[no-untyped-def]
    """SciPy's distribution of z given x, where it has one."""
    match base:
        case LogNormal():
            return stats.lognorm(s=base.spread, scale=x * math.exp(-(base.spread**2) / 2))
        case Rician():
            return stats.rice(b=x / base.sigma, scale=base.sigma)
        case Speckle():
            return stats.rayleigh(scale=x / math.sqrt(math.pi / 2))
        case Uniform():
            return stats.uniform(loc=x - base.half_width, scale=2 * base.half_width)
        case RowNoise():
            return stats.norm(loc=x, scale=base.sigma)


def flat(x: float, shape: tuple[int, ...] = (1, 1, 1, 1)) -> torch.Tensor:
    return torch.full(shape, x, dtype=torch.float64)


@pytest.mark.parametrize("slug", noise.bases())
def test_every_base_keeps_the_contract(slug: str) -> None:
    kind = noise.bases()[slug]
    assert kind.slug == slug
    assert faults(kind) == []
    assert faults(kind, **OTHERS.get(slug, {})) == []


def test_the_registry_is_the_folder() -> None:
    files = {path.stem for path in Path(_finding.__file__).parent.glob("[!_]*.py")}
    assert {slug.replace("-", "_") for slug in noise.bases()} == files - set(_finding.HELPERS) and not noise.broken()
    assert set(NEW) < set(noise.bases())


@pytest.mark.parametrize(
    "base", [LogNormal(0.2), LogNormal(0.7), Rician(25.0), Rician(80.0), Speckle(), Uniform(40.0), RowNoise(25.0)]
)
@pytest.mark.parametrize("x", [3.0, 60.0, 240.0])
def test_moments_and_samples_are_those_of_scipys_law(base: Base, x: float) -> None:
    expected = law(base, x)
    assert float(base.mean(flat(x))) == pytest.approx(expected.mean(), rel=1e-9)
    assert float(base.variance(flat(x))) == pytest.approx(expected.var(), rel=1e-7)
    drawn = base.sample(flat(x, (4000, 1, 1, 1)), torch.Generator().manual_seed(7)).flatten().numpy()
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-3


def test_speckle_is_as_strong_as_radar_and_oct_have_it() -> None:
    assert float(noise.get("speckle").std(torch.tensor(100.0))) == pytest.approx(52.27, abs=0.01)


@pytest.mark.parametrize("base", [LogNormal(0.2), LogNormal(0.7), Rician(25.0), Speckle()])
@pytest.mark.parametrize("x", [15.0, 200.0])
def test_scores_are_the_slopes_of_scipys_densities(base: Base, x: float) -> None:
    expected = law(base, x)
    z = torch.tensor(expected.ppf([0.01, 0.2, 0.5, 0.9, 0.999]), dtype=torch.float64)
    step = 1e-5 * z.numpy()
    slopes = (expected.logpdf(z.numpy() + step) - expected.logpdf(z.numpy() - step)) / (2 * step)
    np.testing.assert_allclose(base.score(torch.full_like(z, x), z).numpy(), slopes, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("base", [LogNormal(0.2), LogNormal(0.7), Speckle(), Uniform(40.0)])
def test_steins_kernel_is_the_tail_integral(base: Base) -> None:
    """t(z) p(z) = integral of (v - E z) p(v) over v > z."""
    x, expected = 80.0, law(base, 80.0)
    for z in expected.ppf([0.001, 0.3, 0.8, 0.999]):
        tail, _ = integrate.quad(lambda v: (v - x) * expected.pdf(v), z, expected.ppf(1 - 1e-15), limit=200)
        assert float(base.stein_kernel(flat(x), flat(z))) == pytest.approx(tail / expected.pdf(z), rel=1e-5)


def test_rows_are_one_number_each() -> None:
    n = noise.get("rows(sigma=30)").sample(torch.zeros(2, 3, 400, 7), torch.Generator().manual_seed(0))
    assert torch.equal(n, n[..., :1].expand_as(n))
    assert float(n.std()) == pytest.approx(30, rel=0.06)
    rows = n[..., 0].flatten(0, 1)
    assert float(torch.corrcoef(rows).fill_diagonal_(0).abs().max()) < 0.2  # images and channels have their own


@pytest.mark.parametrize(("slug", "tolerance"), [("rows-conv", 0.06), ("rows-conv+gaussian", 0.05), ("uniform-conv", 0.02)])
def test_the_standard_deviation_of_convolved_noise(slug: str, tolerance: float) -> None:
    model, x = noise.get(slug), torch.full((1, 3, 480, 40), 100.0)
    y = model.sample(x, torch.Generator().manual_seed(0))
    assert float(y.std()) == pytest.approx(float(model.std(x)[0, 0, 0, 0]), rel=tolerance)


def test_pepper_erases_and_changes_nothing_else() -> None:
    x = 1 + torch.rand(1, 3, 50, 50)
    y = noise.get("bernoulli(keep=0.25)").sample(x, torch.Generator().manual_seed(0))
    assert bool(((y == 0) | (y == x)).all()) and float((y == x).float().mean()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("sigma", [1.0, 25.0, 80.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rician_is_solved_wherever_there_is_a_solution(sigma: float, dtype: torch.dtype) -> None:
    x = torch.linspace(0.5, 255, 200, dtype=dtype)
    z = Rician(sigma).sample(x, torch.Generator().manual_seed(0))
    found = Rician(sigma).solve(z, Rician(sigma).score(x.double(), z.double()).to(dtype))
    # in float32 the score of a dark pixel has few digits of x, which is lost in 1 / z
    seen = (found - x).abs() / (x + sigma)
    assert float(seen.max()) < (1e-9 if dtype == torch.float64 else 2e-2)
    with noise.guards.count() as counts:
        assert float(Rician(sigma).solve(torch.tensor([sigma]), torch.tensor([-10.0 / sigma]))) == 0
    assert counts == {"rician: no solution": 1}


def test_bases_without_a_score_say_so() -> None:
    y = torch.ones(1, 3, 4, 4)
    for slug in ("bernoulli", "uniform", "rows", "rows-conv"):
        with pytest.raises(NotImplementedError, match="no solution"):
            noise.get(slug).solve(y, y)
        with pytest.raises(NotImplementedError, match="no score"):
            noise.get(slug).score(y, y)


#: Yes (x) or no (.), by hand: additive, signal-dependent, independent, unbiased, unbiased before A, exponential family,
#: independent before A, proportional, score, kernel, splits, erasing, shot.
TRAITS = {
    "bernoulli": ".xx...xx...x.",
    "bernoulli-conv": ".x....xx...x.",
    "bernoulli+gaussian": ".xx...xx.....",
    "log-normal": ".xxxxxxxxx...",
    "log-normal+gaussian": ".xxxx.xxxx...",
    "rician": ".xx...x.x....",
    "rows": "x..xx..x.x...",
    "rows-conv": "x..xx..x.x...",
    "rows+gaussian": "x..xx..x.x...",
    "speckle": ".xxxxxxxxx...",
    "speckle-conv": ".x..xxxxxx...",
    "uniform": "..xxx.xx.x...",
    "uniform-conv+gaussian": "....x.xx.x...",
    "poisson": ".xxxxxxxxxx.x",
    "poisson+gaussian": ".xxxx.xxxx..x",
}


@pytest.mark.parametrize("slug", TRAITS)
def test_traits(slug: str) -> None:
    names = (
        *("additive", "signal_dependent", "independent", "unbiased", "base_unbiased", "exponential_family"),
        *("base_independent", "proportional", "score", "kernel", "splits", "erasing", "shot"),
    )
    traits = noise.get(slug).traits
    assert "".join(".x"[getattr(traits, name)] for name in names) == TRAITS[slug]


def test_correlated_noise_is_not_seen_through_the_inverse() -> None:
    assert noise.get("rows-conv").decorrelated() is None
    seen = noise.get("speckle-conv").decorrelated()
    assert seen is not None and seen.same_image and seen.model.law == noise.get("speckle").law


BASE = """
from dataclasses import dataclass
from noise import Base, Parameter

@dataclass(frozen=True)
class Strange(Base):
    level: float
    title = "Strange"
    parameters = {"level": Parameter(1.0)}

    def sample(self, x, generator=None):
        return x

    def variance(self, x):
        return 0 * x
"""


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("strange", BASE.replace("Parameter(1.0)", "Parameter(-1.0)"), "level=-1.0 is the default: expected a finite number"),
        ("strange", BASE.replace('{"level"', '{"conv"'), "a parameter named conv: expected another name"),
        ("strange", BASE.replace('"Strange"', "7"), "title is 7: expected text"),
        ("strange", BASE.replace("level: float", "other: float"), "noise/strange.py: TypeError: .*level"),
        ("strange", BASE + BASE.replace("Strange", "Other"), "defines 2 subclasses of Base with a title, Strange in line 6"),
        ("strange", "", "defines 0 subclasses of Base with a title: expected exactly one"),
        ("strange", BASE + "\n1 +* 2", r"line 17: SyntaxError"),
        ("strange", BASE + "\nraise SystemExit(3)", r"line 17: SystemExit: 3"),
        ("strange_conv", BASE, "the file's name is the base's"),
        ("all", BASE, "--noise takes 'all' for something else"),
    ],
)  # fmt: skip
def test_a_bad_file_costs_itself_alone(
    name: str, text: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "fine_one.py").write_text(BASE)
    monkeypatch.setattr(noise, "__path__", [*noise.__path__, str(tmp_path)])
    found = _finding.find(tmp_path)
    for module in (f"noise.{name}", "noise.fine_one"):
        sys.modules.pop(module, None)
    assert list(found.bases) == ["fine-one"] and found.bases["fine-one"].slug == "fine-one"
    ((slug, reason),) = found.broken.items()
    assert slug == name.replace("_", "-")
    assert reason.startswith(f"noise/{name}.py") and "\n" not in reason
    assert re.search(told, reason), reason


def test_a_broken_base_is_told_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["noise.catalogue"], "broken", lambda: {"strange": "noise/strange.py, line 3: SyntaxError: bad"}
    )
    with pytest.raises(ValueError, match=r"noise 'strange-conv': noise/strange.py, line 3: SyntaxError"):
        noise.get("strange-conv")

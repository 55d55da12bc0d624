"""The catalogue: numbers, slugs, parameters, traits, and clear refusals."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

import noise

SLUGS = (
    *("gaussian", "gaussian-conv", "gaussian-affine", "gaussian-affine-conv"),
    *("gamma", "gamma-conv", "poisson", "poisson-conv", "rayleigh", "rayleigh-conv"),
    *("gamma+gaussian", "gamma-conv+gaussian", "poisson+gaussian", "poisson-conv+gaussian"),
    *("rayleigh+gaussian", "rayleigh-conv+gaussian"),
)

#: Yes (x) or no (.) by hand from the paper's Table 1 and Section 4: additive, signal-dependent, independent between
#: pixels, unbiased, unbiased before A, exponential family (the paper's N2S column), convolved; then the Gaussian added.
TRAITS = {
    1: ("x.xxxx.", 0),
    2: ("x..xxxx", 0),
    3: ("xxxxx..", 0),
    4: ("xx.xx.x", 0),
    5: (".xxxxx.", 0),
    6: (".x..xxx", 0),
    7: (".xxxxx.", 0),
    8: (".x..xxx", 0),
    9: (".xx....", 0),
    10: (".x....x", 0),
    11: (".xxxx..", 10),
    12: (".x..x.x", 10),
    13: (".xxxx..", 10),
    14: (".x..x.x", 10),
    15: (".xx....", 10),
    16: (".x....x", 10),
}

FORMULAS = {
    1: "y = x + ε, ε ~ N(0, σ²)",
    4: "y = x + A ε, ε ~ N(0, (a x + b)²)",
    7: "y = k / λ, k ~ Poisson(λ x)",
    10: "y = A((1 + η) ⊙ x), η ~ Rayleigh(scale)",
    12: "y = A(η ⊙ x) + ε, η ~ Gamma(α, α), ε ~ N(0, σ²)",
}


def test_the_sixteen_models_are_in_the_papers_order():
    assert tuple(model.slug for model in noise.catalogue()) == SLUGS
    assert [model.number for model in noise.catalogue()] == list(range(1, 17))


def test_titles_and_formulas_tell_the_models_apart():
    assert len({model.title for model in noise.catalogue()}) == 16
    assert len({model.formula for model in noise.catalogue()}) == 16
    assert len({model.law for model in noise.catalogue()}) == 16


@pytest.mark.parametrize("number", FORMULAS)
def test_formulas_are_those_of_table_1(number):
    assert noise.get(number).formula == FORMULAS[number]


def test_extra_noise_shows_in_the_formula():
    assert noise.get(5, extra_sigma=5).formula == "y = η ⊙ x + ε, η ~ Gamma(α, α), ε ~ N(0, extra_sigma²)"


@pytest.mark.parametrize(("number", "slug"), list(enumerate(SLUGS, 1)))
def test_models_are_found_by_number_and_slug(number, slug):
    assert noise.get(number) == noise.get(str(number)) == noise.get(slug) == noise.catalogue()[number - 1]
    assert hash(noise.get(number)) == hash(noise.get(slug))


@pytest.mark.parametrize("number", TRAITS)
def test_traits_are_those_of_the_table(number):
    letters, gaussian = TRAITS[number]
    names = (
        "additive",
        "signal_dependent",
        "independent",
        "unbiased",
        "base_unbiased",
        "exponential_family",
        "convolved",
    )
    traits = noise.get(number).traits
    assert {name: getattr(traits, name) for name in names} == {
        name: letter == "x" for name, letter in zip(names, letters, strict=True)
    }
    assert traits.gaussian == gaussian


def test_traits_follow_the_parameters():
    assert noise.get(3, a=0).traits == noise.get(1).traits
    assert noise.get(5, extra_sigma=10).traits == noise.get(11).traits
    assert noise.get(8, extra_sigma=10).traits == noise.get(14).traits


@pytest.mark.parametrize(
    ("numbers", "parameters"),
    [
        ((1, 2), {"sigma": 25.0}),
        ((3, 4), {"a": 25 / 255, "b": 25.0}),
        ((5, 6), {"alpha": 26.0, "extra_sigma": 0.0}),
        ((7, 8), {"lam": 0.2, "extra_sigma": 0.0}),
        ((9, 10), {"scale": 0.3, "extra_sigma": 0.0}),
        ((11, 12), {"alpha": 26.0, "sigma": 10.0}),
        ((13, 14), {"lam": 0.2, "sigma": 10.0}),
        ((15, 16), {"scale": 0.3, "sigma": 10.0}),
    ],
)
def test_defaults_are_the_papers(numbers, parameters):
    for number in numbers:
        assert noise.get(number).parameters == parameters


def test_affine_slope_is_the_corrected_one():
    """The paper prints 0.98, which its released code and its scores contradict."""
    assert noise.get(3).parameters["a"] == noise.get(4).parameters["a"] == pytest.approx(0.098039, abs=1e-6)


def test_parameters_override_the_defaults_one_by_one():
    model = noise.get(14, lam=0.22)
    assert model.parameters == {"lam": 0.22, "sigma": 10.0}
    assert noise.get(14, lam=0.22, sigma=11).parameters == {"lam": 0.22, "sigma": 11.0}
    assert model.law != noise.get(14).law
    assert model.slug == noise.get(14).slug
    assert noise.get(14).parameters == {"lam": 0.2, "sigma": 10.0}  # the defaults themselves are untouched


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def test_parameters_are_the_keywords_of_get(model):
    assert noise.get(model.slug, **model.parameters) == model
    for name, value in model.parameters.items():
        changed = noise.get(model.slug, **{name: value * 1.25 + 1})
        assert changed.parameters == model.parameters | {name: value * 1.25 + 1}
        assert changed.law != model.law
        assert changed != model


@pytest.mark.parametrize(
    "value", [7, 7.0, np.float32(7), np.float64(7), np.int64(7), Fraction(7)], ids=lambda value: type(value).__name__
)
def test_any_real_number_is_a_value(value):
    model = noise.get("gaussian", sigma=value)
    assert model == noise.get("gaussian", sigma=7.0)
    assert model.law == noise.get("gaussian", sigma=7.0).law
    assert type(model.parameters["sigma"]) is float


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gausian", "gaussian"),
        ("poisson_conv", "poisson-conv"),
        ("Gamma", "gamma"),
        ("poisson-gaussian", "poisson+gaussian"),
        ("raleigh-conv+gaussian", "rayleigh-conv+gaussian"),
    ],
)
def test_misspelt_slugs_are_refused_with_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=rf"{re.escape(repr(name))}.* \(nearest: {re.escape(nearest)}\)$"):
        noise.get(name)


@pytest.mark.parametrize("name", [0, 17, -1, 1.5, "01", "", True, None])
def test_other_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="expected 1 to 16 or a slug"):
        noise.get(name)


def test_unknown_parameters_are_refused_with_what_is_known():
    with pytest.raises(ValueError, match=r"'sgima' of gaussian: expected sigma \(nearest: sigma\)"):
        noise.get(1, sgima=3)
    with pytest.raises(ValueError, match=r"'lam' of gamma\+gaussian: expected alpha, sigma"):
        noise.get(11, lam=0.2)
    with pytest.raises(ValueError, match="'extra_sigma' of gaussian"):
        noise.get(1, extra_sigma=5)


POSITIVE = [(1, "sigma"), (3, "b"), (7, "lam"), (9, "scale"), (11, "sigma"), (16, "scale")]
ANY = [*POSITIVE, (4, "a"), (5, "alpha"), (6, "extra_sigma")]


@pytest.mark.parametrize(("number", "key"), ANY)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, -1e-9, "3", None, True, [1.0], 1j], ids=repr)
def test_bad_values_are_refused_by_name(number, key, value):
    named = re.escape(f"{key}={value!r} of {noise.get(number).slug}")
    with pytest.raises(ValueError, match=f"{named}: expected a finite number, (0 or )?above"):
        noise.get(number, **{key: value})


@pytest.mark.parametrize(("number", "key"), POSITIVE)
@pytest.mark.parametrize("value", [1e39, 2e9, 1e-46])
def test_sizes_that_overflow_or_leave_no_noise_are_refused(number, key, value):
    with pytest.raises(ValueError, match=f"{re.escape(repr(value))} of .*of a size from 1e-09 to 1e\\+09"):
        noise.get(number, **{key: value})


@pytest.mark.parametrize(("number", "key"), POSITIVE)
def test_zero_is_refused_where_the_law_would_vanish(number, key):
    with pytest.raises(ValueError, match=f"{key}=0 .*expected a finite number, above 0"):
        noise.get(number, **{key: 0})


@pytest.mark.parametrize("alpha", [1, 1.0, 0.5, 0])
def test_gamma_shapes_up_to_one_are_refused(alpha):
    with pytest.raises(ValueError, match=f"alpha={alpha} .*expected a finite number, above 1"):
        noise.get("gamma", alpha=alpha)


def test_slope_and_extra_noise_may_be_zero():
    assert noise.get(3, a=0).law == noise.get(1).law
    assert noise.get(4, a=0).law == noise.get(2).law
    assert noise.get(5, extra_sigma=0) == noise.get(5)

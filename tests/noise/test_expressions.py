"""Noise models by expression: what is meant, what it is called, and what is refused."""

import hashlib
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import noise
from noise import expressions

#: Of the sixteen models, what seeds and training keys are made of.
WORDS = "a9addd10"

MEANT = {
    "gaussian(sigma=50)": "gaussian(sigma=50)",
    " gaussian ( sigma = 5e1 ) ": "gaussian(sigma=50)",
    "gaussian(sigma=25.0)": "gaussian",
    "gaussian()": "gaussian",
    "gaussian-affine(b=3,a=0.5)": "gaussian-affine(a=0.5,b=3)",
    "gamma(alpha=4)-conv": "gamma(alpha=4)-conv",
    "gamma-conv(alpha=4)": "gamma(alpha=4)-conv",
    "poisson(lam=0.05)+gaussian(sigma=5)": "poisson(lam=0.05)+gaussian(sigma=5)",
    "poisson(lam=0.2) + gaussian(sigma=10)": "poisson+gaussian",
    "poisson-conv+gaussian(sigma=5)": "poisson-conv+gaussian(sigma=5)",
    "rayleigh(scale=0.1)-conv+gaussian": "rayleigh(scale=0.1)-conv+gaussian",
    "gaussian(sigma=25,conv=gauss(1.0))": "gaussian(conv=gauss(1))",
    "poisson(lam=1e-5,conv=gauss(.50))": "poisson(conv=gauss(0.5),lam=1e-05)",
}


@pytest.mark.parametrize(("text", "slug"), MEANT.items())
def test_an_expression_has_one_name(text, slug):
    model = noise.get(text)
    assert model.slug == slug
    assert noise.get(slug) == model and noise.get(slug).law == model.law
    assert model.number == (noise.names.TABLE.index(slug) + 1 if slug in noise.names.TABLE else 0)


def test_what_seeds_and_keys_are_made_of_stays_for_table_1():
    told = [(m.number, m.slug, m.title, m.law, m.parameters) for m in noise.catalogue()]
    assert hashlib.sha256(repr(told).encode()).hexdigest()[:8] == WORDS


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def test_a_row_of_table_1_written_out_is_that_row(model):
    base, conv, added = re.fullmatch(r"([a-z-]+?)(-conv)?(\+gaussian)?", model.slug).groups()
    own = {name: value for name, value in model.parameters.items() if name != "extra_sigma" and not (added and name == "sigma")}
    inside = ",".join(f"{name}={value!r}" for name, value in own.items())
    text = f"{base}({inside}){conv or ''}" + ("+gaussian(sigma=10.0)" if added else "")
    assert noise.get(text) == model and noise.get(text).parameters == model.parameters


@given(sigma=st.floats(1e-9, 1e9), lam=st.floats(1e-9, 1e9))
@settings(max_examples=60, deadline=None)
def test_names_mean_the_same_numbers_again(sigma, lam):
    model = noise.get(f"poisson(lam={lam!r})-conv+gaussian(sigma={sigma!r})")
    again = noise.get(model.slug)
    assert again == model and again.parameters == {"lam": lam, "sigma": sigma}
    assert re.fullmatch(r"[a-z0-9+_.=()-]+", model.slug)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_they_are_read(value):
    assert expressions.number(expressions.written(value)) == value
    assert len(expressions.written(value)) <= len(repr(value))


@given(st.text(alphabet="ga(),=+|-'\" 1.", max_size=30))
def test_any_text_is_an_expression_or_refused_in_one_line(text):
    try:
        found = [each for part in expressions.split(text, ",") for each in expressions.each(part)]
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert [str(expressions.term(part)) for one in found for part in expressions.split(one, "+")]


def test_commas_inside_of_parentheses_do_not_split():
    text = "1, gaussian-affine(a=1, b=2),poisson(conv='a,b).csv') ,2"
    assert expressions.split(text, ",") == ["1", "gaussian-affine(a=1, b=2)", "poisson(conv='a,b).csv')", "2"]


def test_sweeps_make_every_combination():
    assert expressions.each("gaussian(sigma=15|25 | 50)") == ["gaussian(sigma=15)", "gaussian(sigma=25)", "gaussian(sigma=50)"]
    found = expressions.each("poisson(lam=1|2,conv=gauss(1)|gauss(2))-conv+gaussian(sigma=3|4)")
    assert len(found) == len(set(found)) == 8 and found[0] == "poisson(lam=1,conv=gauss(1))-conv+gaussian(sigma=3)"


REFUSED = {
    "gausian(sigma=5)": "nearest: gaussian",
    "gaussian(sgma=3)": "nearest: sigma",
    "gaussian(sigma=nan)": "above 0",
    "gaussian(sigma=inf)": "finite",
    "gaussian(sigma=1e999)": "finite",
    "gaussian(sigma=-1)": "above 0",
    "gaussian(sigma=[1])": "finite number",
    "gaussian(sigma=__import__('os'))": "finite number",
    "gamma(alpha=1)": "above 1",
    "gaussian(sigma=)": "setting=value",
    "gaussian(3)": "setting=value",
    "gaussian(sigma=3": "not closed",
    "gaussian(conv='a": "not closed",
    "gaussian)": "closing parenthesis too many",
    "gaussian(sigma=3,sigma=4)": "twice",
    "gaussian(sigma=3)x": "expected a name",
    "gaussian(sigma=3)-blur": "expected -conv",
    "gaussian+gaussian": "one standard deviation",
    "gaussian-conv(conv=gauss(1))": "convolved twice",
    "poisson(lam=1)+poisson": "after the \\+",
    "poisson(lam=1)+gaussian+gaussian": "once",
    "poisson+gaussian(sigma=0)": "above 0",
    "poisson+gaussian(lam=1)": "expected sigma",
    "poisson(lam=1)+gaussian-conv": "after the \\+",
    "gaussian(conv=gauss(9))": "0.2 to 5",
    "gaussian(conv=gauss(a))": "0.2 to 5",
    "gaussian(conv=box(3))": "gauss\\(",
    "gaussian(conv=no-such-file.csv)": "no such file",
    "gaussian(conv=kernel-0123456789ab)": "expected that file",
    "1(sigma=5)": "expected a name",
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items())
def test_what_is_no_noise_is_refused(text, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        noise.get(text)
    assert "\n" not in str(caught.value)


def test_keywords_and_expressions_give_equal_laws():
    """The name stays for keywords, as robustness and recipes rely on, and tells for expressions."""
    told, named = noise.get("gaussian", sigma=50), noise.get("gaussian(sigma=50)")
    assert (told.number, told.slug) == (1, "gaussian") and (named.number, named.slug) == (0, "gaussian(sigma=50)")
    assert told.law == named.law != noise.get(1).law and told.parameters == named.parameters
    varied = noise.varied(named, sigma=55)
    assert (varied.slug, varied.parameters) == ("gaussian(sigma=50)", {"sigma": 55.0})
    assert noise.get(14, lam=0.22).slug == "poisson-conv+gaussian"


def test_the_view_of_an_expression_has_its_name_without_the_convolution():
    seen = noise.get("gamma(alpha=4)-conv").decorrelated().model
    assert seen == noise.get("gamma(alpha=4)") and seen.law == noise.get("gamma(alpha=4)").law
    seen = noise.get("poisson(conv=gauss(0.5))").decorrelated().model
    assert (seen.number, seen.slug, seen.title, seen.law) == (7, "poisson", "Poisson", noise.get(7).law)


@pytest.mark.parametrize(
    "text", ["poisson(lam=0.05)+gaussian(sigma=5)", "gamma(alpha=4)-conv", "gaussian(sigma=50,conv=gauss(1))"]
)
def test_moments_are_those_of_the_formula(text):
    """A flat image: variance of N times the kernel's sum of squares, plus the added variance."""
    model, x = noise.get(text), torch.full((1, 3, 200, 200), 100.0, dtype=torch.float64)
    inner = {"poisson": 100 / 0.05, "gamma": 100**2 / 4, "gaussian": 50.0**2}[text.partition("(")[0]]
    gain = 1.0 if model.convolution is None else model.convolution.noise_gain() ** 2
    added = 25.0 if "+" in text else 0.0
    y = model.sample(x, torch.Generator().manual_seed(1))
    assert float(y.var()) == pytest.approx(inner * gain + added, rel=0.05)
    assert float(y.mean()) == pytest.approx(100, abs=1.0)
    assert float(model.std(x).mean()) == pytest.approx((inner * gain + added) ** 0.5, rel=1e-9)

"""Which method suits which noise: the paper's Table 1, by hand from its page, and rules that follow the traits alone."""

import dataclasses

import pytest

import methods
import noise
from bench.commands.listing import whole_matrix
from bench.plan.cells import matrix
from noise.gamma import Gamma
from noise.gaussian import Gaussian
from noise.model import NoiseModel
from noise.rayleigh import Rayleigh

COLUMNS = ("supervised", "noisier2noise", "neighbor2neighbor", "noise2score", "score-solver")
#: Table 1, a row a noise model: SL, Nr2N, Nb2Nb, N2S, ours. v: check mark, x: cross, v* and x* as in its caption.
TABLE_1 = """
 1  v v v  v v
 2  v v x* v v
 3  v v v  x v
 4  v v x* x v
 5  v x v  v v
 6  v x v* v v
 7  v x v  v v
 8  v x v* v v
 9  v x x* x v
10  v x x* x v
11  v x v  x v
12  v x x* x v
13  v x v  x v
14  v x x* x v
15  v x x* x v
16  v x x* x v
"""
MEANING = {"v": "yes", "x": "no", "v*": "indirect", "x*": "infeasible"}


def published():
    for line in TABLE_1.strip().splitlines():
        number, *marks = line.split()
        for column, mark in zip(COLUMNS, marks, strict=True):
            yield int(number), column, MEANING[mark]


def verdict(method, model):
    return methods.get(method).applicable(model).verdict


def test_matrix_is_the_papers_table_1():
    rows = matrix(noise.catalogue(), [methods.get(slug) for slug in COLUMNS])
    assert [(row["noise_no"], row["method"], row["applicability"]) for row in rows] == list(published())
    assert len(rows) == 80
    assert [row["noise"] for row in rows[::5]] == [model.slug for model in noise.catalogue()]
    for row in rows:
        assert list(row) == ["noise_no", "noise", "method", "applicability", "reason"]
        assert isinstance(row["reason"], str) and len(row["reason"]) > 10


def test_matrix_holds_all_methods_but_the_input():
    assert {row["method"] for row in whole_matrix()} == set(methods.catalogue()) - {"noisy"}
    assert [row["applicability"] for row in matrix(noise.catalogue(), [methods.get("noisy")])] == ["yes"] * 16


def test_cells_ask_the_method():
    for number, method, expected in published():
        assert methods.get(method).applicable(noise.get(number)).verdict == expected


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def test_verdicts_follow_the_traits_and_not_the_row(model):
    disguised = dataclasses.replace(model, number=17 - model.number, slug="unknown", title="Unknown")
    for method in methods.catalogue().values():
        assert method.applicable(disguised) == method.applicable(model)


@pytest.mark.parametrize(
    ("twelve", "six"), [(12, 6), (14, 8), (11, 5), (13, 7), (16, 10), (15, 9)], ids=lambda number: f"No{number}"
)
def test_mixture_without_its_gaussian_is_the_multiplicative_model(twelve, six):
    model = dataclasses.replace(noise.get(twelve), gaussian=0.0)
    for method in COLUMNS:
        assert verdict(method, model) == verdict(method, noise.get(six))


@pytest.mark.parametrize("number", range(5, 11))
def test_undocumented_gaussian_makes_a_mixture(number):
    model = noise.get(number, extra_sigma=5)
    for method in COLUMNS:
        assert verdict(method, model) == verdict(method, noise.get(number + 6))
    assert verdict("noise2score", model) == "no"
    assert verdict("score-solver", model) == "yes"


def test_models_that_the_table_does_not_have():
    convolution = noise.get(2).convolution
    unbiased = NoiseModel(17, "x", "X", Gamma(3.0), None, 40.0)
    assert [verdict(method, unbiased) for method in COLUMNS] == ["yes", "no", "yes", "no", "yes"]
    # affine noise whose slope is 0 is plain Gaussian noise
    flat = NoiseModel(17, "x", "X", Gaussian(25.0, 0.0, convolution), convolution)
    assert [verdict(method, flat) for method in COLUMNS] == ["yes", "yes", "infeasible", "yes", "yes"]
    biased = NoiseModel(17, "x", "X", Rayleigh(0.1), None, 0.0)
    assert [verdict(method, biased) for method in COLUMNS] == ["yes", "no", "infeasible", "no", "yes"]


def test_reasons_name_what_is_broken():
    def reason(number):
        return methods.get("neighbor2neighbor").applicable(noise.get(number)).reason

    for number in (2, 4, 12, 14, 16):
        assert "correlates" in reason(number)
    for number in (9, 10, 15, 16):
        assert "biased" in reason(number) and "unbiased" not in reason(number)
    for number in (2, 4, 12, 14):
        assert "biased" not in reason(number)
    for number in (12, 14, 16):
        assert "added Gaussian" in reason(number)
    assert "correlates" not in reason(10) and "on A^-1 y" in reason(10)
    assert "A^-1" in reason(6) and "A^-1" in reason(8)


def test_what_is_decorrelated():
    """Through A^-1: the score wherever A^-1 leaves independent noise, the rest where the image stays the same."""
    wanting = {
        method: [model.number for model in noise.catalogue() if methods.get(method).wants_decorrelated(model)]
        for method in ("noisy", *COLUMNS)
    }
    assert wanting.pop("noisy") == []
    assert wanting.pop("noise2score") == wanting.pop("score-solver") == [2, 4, 6, 8, 10]
    assert set(map(tuple, wanting.values())) == {(6, 8, 10)}

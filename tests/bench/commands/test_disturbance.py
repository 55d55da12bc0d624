"""Noise models whose parameters are disturbed at random."""

from __future__ import annotations

import numpy as np
import pytest

import noise
from bench.commands.disturbance import LEAST, disturbances, factor, parse_rates
from bench.errors import UsageError

RATES, DRAWS = (0.0, 0.1, 0.3), 3


def test_factors_are_normal_around_1():
    values = np.array([factor(0.1, "test", draw) for draw in range(4000)])
    assert abs(values.mean() - 1) < 4 * 0.1 / 4000**0.5
    assert values.std() == pytest.approx(0.1, rel=0.05)
    assert np.mean(np.abs(values - 1) < 0.1) == pytest.approx(0.683, abs=0.03)


def test_factors_never_come_near_0_and_the_rest_keeps_its_law():
    """At r = 0.8, a share Phi(-0.95 / 0.8) = 0.1175 would be below: it is drawn again, not moved to the limit."""
    values = np.array([factor(0.8, "test", draw) for draw in range(4000)])
    assert LEAST == 0.05 and values.min() > LEAST
    assert np.mean(values < 0.06) < 0.01
    assert np.mean(values > 1) == pytest.approx(0.5 / (1 - 0.1175), abs=0.03)


def test_factors_depend_on_their_purpose_alone():
    assert factor(0.2, "a", 1) == factor(0.2, "a", 1)
    assert factor(0.0, "a", 1) == 1
    assert len({factor(0.2, parameter, rate, draw) for parameter in "ab" for rate in (1, 2) for draw in range(5)}) == 20


def test_disturbances_are_of_all_parameters_and_of_each_alone():
    model = noise.get(14)
    points = disturbances(model, RATES, DRAWS)
    assert [(point.varied, point.rate) for point in points] == [
        (varied, rate) for varied in (("lam", "sigma"), ("lam",), ("sigma",)) for rate in RATES
    ]
    at = {(point.varied, point.rate): point for point in points}
    for (varied, rate), point in at.items():
        assert len(point.models) == (DRAWS if rate else 1)
        for draw, disturbed in enumerate(point.models):
            assert (disturbed.slug, disturbed.convolution) == (model.slug, model.convolution)
            for name, value in model.parameters.items():
                expected = value * point.factors[name][draw] if name in varied else value
                assert disturbed.parameters[name] == expected
            assert disturbed.base.lam == disturbed.parameters["lam"] and disturbed.gaussian == disturbed.parameters["sigma"]
    for rate in RATES:  # what a parameter does alone can be compared with what it does beside the others
        assert at[("lam", "sigma"), rate].factors["lam"] == at[("lam",), rate].factors["lam"]


def test_all_rates_disturb_in_the_same_direction():
    """1 + r xi with the xi of the draw, whatever the rate."""
    together = disturbances(noise.get(15), (0.05, 0.1, 0.2), 20)[:3]
    for name in ("scale", "sigma"):
        first, *others = [(np.array(point.factors[name]) - 1) / point.rate for point in together]
        assert len(set(first)) == 20
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-9)


def test_disturbances_of_two_parameters_are_independent():
    point = next(point for point in disturbances(noise.get(15), (0.2,), 500) if len(point.varied) == 2)
    assert abs(np.corrcoef(point.factors["scale"], point.factors["sigma"])[0, 1]) < 4 / 500**0.5


@pytest.mark.parametrize(
    ("model", "series"),
    [
        (noise.get(2), [("sigma",)]),
        (noise.get(3), [("a", "b"), ("a",), ("b",)]),
        (noise.get(6), [("alpha",)]),  # without extra_sigma, which is 0
        (noise.get(6, extra_sigma=5), [("alpha", "extra_sigma"), ("alpha",), ("extra_sigma",)]),
        (noise.get(10), [("scale",)]),
    ],
    ids=lambda value: value.slug if isinstance(value, noise.NoiseModel) else "",
)
def test_parameters_of_every_kind_are_disturbed(model, series):
    points = disturbances(model, (0.3,), 20)
    assert [point.varied for point in points] == series
    assert all(disturbed.parameters != model.parameters for point in points for disturbed in point.models)


def test_rates_are_read_in_order():
    assert parse_rates("0.3,0, .1,0.3") == (0.0, 0.1, 0.3)
    for text in ("-0.1", "0.1,x", "", "nan", "1.1", "inf"):
        with pytest.raises(UsageError, match="expected numbers from 0 to 1"):
            parse_rates(text)

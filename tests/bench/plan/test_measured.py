"""Rows of measured noise: their names, what methods answer to them, and which trainings they share."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch

import methods
import noise
from bench.commands.names import parse_noise
from bench.errors import UsageError
from bench.plan.keys import training_key
from bench.plan.measured import Measured, Told, answer_to, around_mean, measured, measured_from, measured_record, with_law
from bench.plan.settings import Settings, get_preset

TOLD = Told("cc15", "abc", ("clean",), 3, True, "poisson(lam=0.2)-conv", 3.0, "law doubtful", ("black is clipped",))
ROW = with_law(measured("cc15"), TOLD)


def test_rows_are_named_by_their_sets() -> None:
    found = parse_noise("real,1,cc15(learn=halves)", sets=["cc15", "oct"])
    assert [model.slug for model in found] == ["gaussian", "cc15", "oct", "cc15(learn=halves)"]
    assert [model.slug for model in parse_noise("all", sets=["cc15"])] == [model.slug for model in noise.catalogue()]
    assert not isinstance(parse_noise("gaussian", sets=["gaussian"])[0], Measured)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cc15(learn=half)", "learn=half: expected all or halves"), ("cc15(lean=all)", "(nearest: learn)"),
        ("cc16", "of the sets cc15"), ("cc15-conv", "unknown noise"),
    ],
)  # fmt: skip
def test_what_names_no_row_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_noise(text, sets=["cc15"])
    assert told in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="no set of measured noise"):
        parse_noise("real")


@pytest.mark.parametrize(
    ("name", "told"),
    [("Upper", "at most 40 of a-z"), ("x" * 41, "at most 40"), ("gaussian", "another name"), ("7", "another name"),
     ("1-4", "another name"), ("poisson-conv", "another name"), ("all", "another name")],
)  # fmt: skip
def test_sets_whose_name_is_none_of_a_row_are_refused_before_they_are_taken_for_one(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        parse_noise("1,real", sets=["cc15", name])
    assert repr(name) in str(caught.value)
    assert [model.slug for model in parse_noise("cc15", sets=["cc15", name])] == ["cc15"]


def test_methods_are_given_the_estimated_law_and_it_is_said() -> None:
    answer, _ = answer_to(methods.get("nl-ridge"), ROW)
    assert answer.verdict == "yes" and answer.reason.startswith("estimated law (doubtful): gaussian-affine(")
    answer, _ = answer_to(methods.get("neighbor2neighbor"), ROW)
    assert answer.verdict == "infeasible" and "A correlates" in answer.reason
    unknown = with_law(measured("cc15"), replace(TOLD, expression="", sureness="it is constant"))
    answer, _ = answer_to(methods.get("nl-ridge"), unknown)
    assert (answer.verdict, answer.reason) == (
        "no",
        "needs the law of the noise, of which nothing could be told: it is constant",
    )
    assert answer_to(methods.get("noise2void"), unknown)[0].verdict == "yes"


def test_methods_need_what_the_set_has() -> None:
    assert answer_to(methods.get("supervised"), ROW)[0].verdict == "yes"
    assert answer_to(methods.get("noise2noise"), ROW)[0].reason == "needs second shots, which cc15 lacks"
    bare = with_law(measured("cc15"), replace(TOLD, beside=("second",)))
    assert answer_to(methods.get("supervised"), bare)[0].reason == "needs clean images, which cc15 lacks"
    assert answer_to(methods.get("noise2noise"), bare)[0].verdict == "yes"
    alone = with_law(measured("cc15"), replace(TOLD, halves=False))
    assert answer_to(methods.get("supervised"), alone)[0].verdict == "no"


@pytest.mark.parametrize("expression", ["poisson(lam=0.2)-conv", "rayleigh(scale=0.3)", "gamma(alpha=9,conv=gauss(0.5))"])
def test_laws_that_blur_or_have_a_gain_are_told_around_the_mean(expression: str) -> None:
    """Gaussian, of the law's deviation at the brightness that many shots average to, to a tenth of the largest."""
    law = noise.get(expression)
    found = around_mean(law)
    means = torch.linspace(20, 240, 12, dtype=torch.float64)
    apart = (found.std(means) - law.std(means / law.mean_gain)).abs().max()
    assert found.traits.additive and found.traits.unbiased and found.traits.convolved == law.traits.convolved
    assert float(apart) < 0.1 * float(law.std(means / law.mean_gain).max())
    assert around_mean(noise.get("poisson")) == noise.get("poisson")


def test_a_row_is_made_again_from_its_record_and_travels() -> None:
    for row in (ROW, with_law(measured("cc15", "halves"), TOLD), measured("cc15")):
        assert measured_from({"measured": measured_record(row)}) == row == pickle.loads(pickle.dumps(row))


def test_supervised_training_is_the_same_in_both_rows_and_others_are_not() -> None:
    settings = Settings("quick", get_preset("quick", []), "best", "compute", "x", 1, "cpu", 1, (), ())
    halves = with_law(measured("cc15", "halves"), TOLD)
    for slug, same in (("supervised", True), ("neighbor2neighbor", False)):
        keys = [training_key(settings, row, methods.get(slug), 0, "") for row in (ROW, halves)]
        assert (keys[0] == keys[1]) is same
    other = with_law(measured("cc15"), replace(TOLD, sha256="def"))
    assert training_key(settings, ROW, methods.get("supervised"), 0, "") != training_key(
        settings, other, methods.get("supervised"), 0, ""
    )

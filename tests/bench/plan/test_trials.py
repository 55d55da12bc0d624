"""Trials: drawn by a fixed rule, at a quarter of the compute, and a verdict by the spread of the seeds."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import pytest

import methods
from bench.errors import UsageError
from bench.plan.settings import PRESETS
from bench.plan.trials import default_values, draw_own, draw_trials, of_a_trial, verdict, with_values
from methods import Training

TRAINED = [slug for slug, method in methods.catalogue().items() if method.trains]


def values_of(name: str, drawn: list[dict[str, Any]]) -> list[Any]:
    return [values[name] for values in drawn if name in values]


@pytest.mark.parametrize("slug", TRAINED)
def test_trials_are_many_distinct_and_the_same_again(slug: str) -> None:
    method = methods.get(slug)
    first = draw_trials(method, 10)
    drawn = first + draw_own(method, first[-1], 10)
    assert len(drawn) == 10 and drawn[0] == {}
    assert len({with_values(method, values) for values in drawn}) == 10
    assert draw_trials(method, 10) == first and draw_trials(method, 4) == first[: len(draw_trials(method, 4))]
    for values in drawn[1:]:
        assert all(values[name] in method.tunable[name] for name in values)


@pytest.mark.parametrize("slug", TRAINED)
def test_all_methods_try_the_same_settings_of_training(slug: str) -> None:
    """The same first ones, without the method's default, which comes before; fewer where it has settings of its own."""
    of_another_default = with_values(methods.get("supervised"), {"training.patch": 0.9})
    method, (default, *drawn) = methods.get(slug), draw_trials(methods.get(slug), 8)
    same = [values for values in draw_trials(of_another_default, 12)[1:] if with_values(method, values) != method]
    assert default == {} and drawn == same[: len(drawn)] and len(drawn) >= 4


def test_no_value_is_left_out_by_chance() -> None:
    """Of three values, each once in three draws, as far as none of them is the default again."""
    drawn = draw_trials(methods.get("supervised"), 8)
    for name, choices in methods.Method.tunable.items():
        assert set(values_of(name, drawn)) == set(choices)


def test_the_settings_of_its_own_are_tried_with_the_best_of_training() -> None:
    method, best = methods.get("neighbor2neighbor"), {"training.patch": 0.5, "training.learning_rate": 4.0}
    own = draw_own(method, best, 6)
    assert [{name: value for name, value in values.items() if name != "gamma"} for values in own] == [best, best]
    assert sorted(values_of("gamma", own)) == [0.3, 1.0] and draw_own(methods.get("supervised"), best, 6) == []


def test_all_declare_values_for_settings_that_they_have() -> None:
    for slug in TRAINED:
        method = methods.get(slug)
        assert set(default_values(method)) == set(method.tunable)
        assert {"training.learning_rate", "training.patch", "training.clip"} <= set(method.tunable)


def test_nested_settings_are_replaced() -> None:
    found = with_values(methods.get("score-solver"), {"training.patch": 2.0, "matching.last_sigma": 4.0})
    assert found.training == Training(learning_rate=4.0, patch=2.0)
    assert dataclasses.asdict(found)["matching"]["last_sigma"] == 4.0 and found.learns() != methods.get("score-solver").learns()


@pytest.mark.parametrize("name", ["gama", "training.rate", "gamma.size"])
def test_settings_that_are_not_there_are_told(name: str) -> None:
    with pytest.raises(UsageError, match=f"neighbor2neighbor: tunable .*{name}.*expected its settings' names"):
        with_values(methods.get("neighbor2neighbor"), {name: 1.0})


def test_methods_that_cannot_be_tuned_are_refused() -> None:
    with pytest.raises(UsageError, match="noisy is not trained"):
        draw_trials(methods.get("noisy"), 6)


def test_fewer_trials_where_there_is_less_to_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    method = methods.get("neighbor2neighbor")
    monkeypatch.setattr(type(method), "tunable", {"training.clip": (0.5, 1.0, 2.0)})
    assert sorted(values.get("training.clip", 1.0) for values in draw_trials(method, 9)) == [0.5, 1.0, 2.0]


def test_a_trial_has_a_quarter_of_the_compute() -> None:
    preset = PRESETS["small"]
    trial = of_a_trial(preset)
    assert (trial.steps, trial.warmup, trial.checks) == (500, 12, 1)
    assert trial.ema**trial.steps == pytest.approx(preset.ema**preset.steps)
    assert dataclasses.replace(trial, steps=preset.steps, warmup=preset.warmup, ema=preset.ema, checks=preset.checks) == preset


def test_the_default_stays_within_twice_the_spread() -> None:
    """Seeds 0.1 dB apart on one side: a standard deviation of 0.1 / sqrt(2) there, half that variance in all."""
    spread = 0.1 / math.sqrt(2) / math.sqrt(2)
    found = verdict([30.0, 30.1], [30.2, 30.2])
    assert (found.gain, found.spread) == (pytest.approx(0.15), pytest.approx(spread))
    assert found.replaces and not verdict([30.0, 30.1], [30.14, 30.14]).replaces
    assert not verdict([30.0, 30.0], [29.9, 29.9]).replaces


@dataclasses.dataclass(frozen=True)
class Odd(type(methods.get("supervised"))):  # type: ignore[misc]
    """Settings of all kinds, of which one cannot be hashed."""

    mode: str = "plain"
    depth: int | None = None
    count: int = 2
    smooth: bool = True
    widths: list[int] = dataclasses.field(default_factory=lambda: [1])

    tunable: ClassVar[dict[str, tuple[Any, ...]]] = {
        "mode": ("plain", "wide"),
        "depth": (None, 3),
        "smooth": (True, False),
        "count": (2.0, 4),
    }


def test_settings_may_be_of_any_kind() -> None:
    drawn = [*draw_trials(Odd(), 5), *draw_own(Odd(), {}, 5)]
    assert len(drawn) == 5 and {type(with_values(Odd(), values).count) for values in drawn} == {int}


@pytest.mark.parametrize(
    ("tunable", "words"),
    [
        ({"count": (2, 2.5)}, "count is 2.5, and 2 by default: expected int"),
        ({"mode": (3,)}, "mode is 3, and 'plain' by default: expected str"),
        ({"training.patch": (1.0, 0.0)}, "training.patch is 0.0: expected a factor above 0"),
        ({}, "declares nothing as tunable"),
    ],
)
def test_values_that_a_setting_cannot_have_are_told_before_any_trial(
    tunable: dict[str, tuple[object, ...]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "tunable", tunable)
    with pytest.raises(UsageError, match=words):
        draw_trials(Odd(), 1)

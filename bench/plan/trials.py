"""Trials of a method's settings: which are tried, drawn by a fixed rule, and when one replaces the default."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.errors import UsageError, one_line
from bench.plan.seeds import seed_of
from bench.plan.settings import Preset, with_steps
from bench.plan.variants import value_of, with_settings
from methods import Method

#: Share of the preset's compute that a trial has.
SHARE = 1 / 4
#: Seeds with which the best trial and the default are repeated at full compute.
SEEDS = 2

#: Values of settings by name, "training.patch" for a nested one; empty: the default.
Values = Mapping[str, Any]


def with_values(method: Method, values: Values) -> Method:
    """The method with other settings. Raises UsageError for one that it has not, or that it refuses."""
    try:
        return with_settings(method, values)
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{method.slug}: tunable {dict(values)}: {one_line(error)}: expected its settings' names") from None


def default_values(method: Method) -> dict[str, Any]:
    """What the tunable settings are by default."""
    return {name: value_of(method, name) for name in method.tunable}


def draw_trials(method: Method, count: int) -> list[dict[str, Any]]:
    """The settings to try first, the default before all: those of training, which every method has, in equal draws for all.

    `draw_own` has the others: half of those after the default, or as many as its own settings have, so that all
    methods have `count` in all. Fewer where there are no more.

    Raises
    ------
    UsageError
        For a method that is not trained, declares nothing that a trial could set, or a value that it cannot have.
    """
    if not method.trains:
        raise UsageError(f"{method.slug} is not trained: expected a method with a loss")
    if not method.tunable:
        raise UsageError(f"{method.slug} declares nothing as tunable: expected names with the values to try")
    for name, choices in method.tunable.items():
        for value in choices:
            with_values(method, {name: value})
    shared, own = _shared(method), _own(method)
    if not shared:
        return [{}]
    return [{}, *_drawn(method, shared, {}, count - 1 - len(_drawn(method, own, {}, (count - 1) // 2)))]


def draw_own(method: Method, best: Values, count: int) -> list[dict[str, Any]]:
    """The trials after those of `draw_trials`: the method's own settings, with the best settings of training.

    Parameters
    ----------
    best : dict
        The best of the first trials, whose settings they keep.
    count : int
        Trials in all.
    """
    return _drawn(method, _own(method), best, count - len(draw_trials(method, count)))


def _shared(method: Method) -> dict[str, tuple[Any, ...]]:
    return {name: choices for name, choices in method.tunable.items() if name.startswith("training.")}


def _own(method: Method) -> dict[str, tuple[Any, ...]]:
    return {name: choices for name, choices in method.tunable.items() if not name.startswith("training.")}


def _drawn(method: Method, tunable: Mapping[str, tuple[Any, ...]], kept: Values, count: int) -> list[dict[str, Any]]:
    """Up to `count` settings, other than those `kept`, which they vary.

    The values of a setting come in an order drawn from its name and values alone, each of them once before any comes again:
    all methods try the same, and no value is left out by chance.
    """
    found: list[dict[str, Any]] = []
    tried = [with_values(method, kept)]
    orders = {name: _order(name, choices) for name, choices in tunable.items()}
    for _ in range(100 * count):
        if len(found) == count:
            break
        values = dict(kept) | {name: next(order) for name, order in orders.items()}
        variant = with_values(method, values)
        if variant not in tried:
            tried.append(variant)
            found.append(values)
    return found


def _order(name: str, choices: Sequence[Any]) -> Iterator[Any]:
    """The values in random order, and again in another, without end."""
    rng = np.random.default_rng(seed_of("tune", name, list(choices)))
    while True:
        for index in rng.permutation(len(choices)):
            yield choices[int(index)]


def of_a_trial(preset: Preset) -> Preset:
    """The preset at a quarter of its compute: steps, and what is told in them; one look at the validation images."""
    return replace(with_steps(preset, max(1, round(preset.steps * SHARE))), checks=1)


@dataclass(frozen=True)
class Verdict:
    """Whether other settings replace the default.

    Parameters
    ----------
    gain : float
        Mean over noise models and seeds, other minus default (dB).
    spread : float
        Standard deviation between the seeds' means over the noise models, of both (dB).
    """

    gain: float
    spread: float

    @property
    def replaces(self) -> bool:
        """Better by more than twice the spread."""
        return self.gain > 2 * self.spread


def verdict(default: Sequence[float], other: Sequence[float]) -> Verdict:
    """Of the means over the noise models of each seed, of the default and of the other settings (dB)."""
    variances = [statistics.variance(values) for values in (default, other)]
    return Verdict(statistics.fmean(other) - statistics.fmean(default), math.sqrt(statistics.fmean(variances)))

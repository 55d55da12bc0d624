"""Noise models whose parameters are disturbed at random: (1 + a) k for k, a ~ N(0, r^2), as in the paper's Figure 2.

a is r xi, and the xi of a draw are those of all rates: what differs between rates is then the rate alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

import noise
from bench.errors import UsageError
from bench.plan.seeds import generator_of

#: A disturbed parameter is more than this share of the true one.
LEAST = 0.05


@dataclass(frozen=True)
class Disturbance:
    """Noise models that are drawn alike.

    Parameters
    ----------
    varied : tuple of str
        The parameters k that became (1 + a) k.
    rate : float
        r, the standard deviation of a.
    factors : dict
        1 + a of each draw, by parameter.
    models : tuple of NoiseModel
        The noise model of each draw.
    """

    varied: tuple[str, ...]
    rate: float
    factors: dict[str, list[float]]
    models: tuple[noise.NoiseModel, ...]


def disturbances(model: noise.NoiseModel, rates: Sequence[float], draws: int) -> list[Disturbance]:
    """Disturbed models at every rate: all parameters together, and each alone; parameters of 0 stay 0.

    A draw's xi of a parameter is the same at all rates, alone and together with the others; it depends on the noise model,
    parameter and draw alone. A rate of 0 has one draw, the model itself.

    Raises ValueError where there is no parameter to disturb.
    """
    names = tuple(name for name, value in model.parameters.items() if value)
    if not names:
        raise ValueError(f"{model.slug}: has no parameter to disturb: expected a noise model with one")
    series = dict.fromkeys([names, *((name,) for name in names)])
    points = []
    for varied in series:
        for rate in rates:
            number = draws if rate else 1
            factors = {name: [factor(rate, model.slug, name, draw) for draw in range(number)] for name in varied}
            models = tuple(
                noise.varied(model, **{name: model.parameters[name] * factors[name][draw] for name in varied})
                for draw in range(number)
            )
            points.append(Disturbance(varied, rate, factors, models))
    return points


def factor(rate: float, *purpose: object) -> float:
    """1 + rate xi with xi ~ N(0, 1) of that purpose; the purpose's next xi while the factor is at most `LEAST`."""
    generator = generator_of("robustness", *purpose)
    while True:
        value = 1 + rate * float(torch.randn((), generator=generator, dtype=torch.float64))
        if value > LEAST:
            return value


def parse_rates(text: str) -> tuple[float, ...]:
    """The rates of "0,0.1,0.2", ascending. Raises UsageError."""
    try:
        rates = {float(word) for word in text.split(",")}
    except ValueError:
        rates = {math.nan}
    if not all(0 <= rate <= 1 for rate in rates):
        raise UsageError(f"--rates {text!r}: expected numbers from 0 to 1 with commas between")
    return tuple(sorted(rates))

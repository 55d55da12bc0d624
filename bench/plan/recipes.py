"""Recipes: how the methods are trained. `best` is what measurements chose; `paper` is the set-up of Xie et al. (2023).

What a recipe changes of a preset is in `bench.plan.settings`. Names of methods and noise models are looked up here, when
a run is planned; all that comes after is given the methods and noise models themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import methods
import noise
from bench.plan.variants import variant

RECIPES = ("best", "paper")

#: Gaussian noise that the paper's released code adds to Nos. 5-10, which the paper does not mention (grey levels).
_EXTRA_SIGMA = 5.0


#: Rows of the kernels that were read from files, by the names that noise models have for them.
Kernels = Mapping[str, tuple[tuple[float, ...], ...]]


def method_of(name: str, recipe: str) -> methods.Method:
    """The method with the recipe's settings, and those that its name tells beside its slug.

    Raises KeyError for an unknown one, and UsageError for settings that it has not.
    """
    return named_method(name, recipe)[1]


def named_method(text: str, recipe: str) -> tuple[str, methods.Method]:
    """The method of a slug, or of a slug with settings, and its canonical name: without those that the recipe has anyway."""
    method = methods.get(text.partition("(")[0].strip())
    if recipe == "paper":
        method = replace(method.as_published(), training=methods.Training())
    return variant(method, text)


def model_of(name: int | str, recipe: str, kernels: Kernels | None = None) -> noise.NoiseModel:
    """The noise model with the recipe's parameters: under `paper`, Nos. 5-10 have the Gaussian noise of its code.

    Others have what their expressions say, under any recipe. `kernels`: see `noise.get`.
    """
    model = noise.get(name, kernels=kernels)
    extra = recipe == "paper" and "extra_sigma" in model.parameters
    return noise.varied(model, extra_sigma=_EXTRA_SIGMA) if extra else model


def models_of(recipe: str) -> tuple[noise.NoiseModel, ...]:
    """All noise models with the recipe's parameters, in the order of Table 1."""
    return tuple(model_of(model.number, recipe) for model in noise.catalogue())

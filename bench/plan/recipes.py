"""Recipes: how the methods are trained. `best` is what measurements chose; `paper` is the set-up of Xie et al. (2023).

What a recipe changes of a preset is in `bench.plan.settings`. Names of methods and noise models are looked up here, when
a run is planned; all that comes after is given the methods and noise models themselves.
"""

from __future__ import annotations

from dataclasses import replace

import methods
import noise

RECIPES = ("best", "paper")

#: Gaussian noise that the paper's released code adds to Nos. 5-10, which the paper does not mention (grey levels).
_EXTRA_SIGMA = 5.0


def method_of(slug: str, recipe: str) -> methods.Method:
    """The method with the recipe's settings."""
    method = methods.get(slug)
    return replace(method.as_published(), training=methods.Training()) if recipe == "paper" else method


def model_of(name: int | str, recipe: str) -> noise.NoiseModel:
    """The noise model with the recipe's parameters: under `paper`, Nos. 5-10 have the Gaussian noise of its code."""
    model = noise.get(name)
    extra = recipe == "paper" and "extra_sigma" in model.parameters
    return noise.get(name, extra_sigma=_EXTRA_SIGMA) if extra else model


def models_of(recipe: str) -> tuple[noise.NoiseModel, ...]:
    """All noise models with the recipe's parameters, in the order of Table 1."""
    return tuple(model_of(model.number, recipe) for model in noise.catalogue())

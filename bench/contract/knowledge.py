"""Checks of what a method knows of the noise. Each returns what is wrong, with what was expected, or "" where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import noise
from bench.contract.samples import denoised, make_batch, make_case, seen_by, smooth_images
from bench.contract.training import loss_of
from methods import Method, answers
from noise import NoiseModel

#: How much larger each parameter of the other law is.
_FACTOR = 1.3

#: What a method may say it knows that gives it the parameters.
_TOLD = ("law", "level")


def by_traits(method: Method) -> str:
    """What it says of a noise model does not hang on the model's name: people compose models of their own."""
    for model in noise.catalogue():
        other = replace(model, number=0, slug="another", title="Another")
        if answers(method, other)[0].verdict != answers(method, model)[0].verdict:
            return f"it goes by the name of {model.slug}: expected the same verdict whatever it is called (see model.traits)"
    return ""


def undeclared_law(method: Method, model: NoiseModel) -> str:
    """Result and loss are the same for other parameters of the law, unless it says that it knows them."""
    if set(_TOLD) & set(method.knows):
        return ""
    case = make_case(method, model)
    made: dict[str, Callable[[NoiseModel], object]] = {"result": lambda law: denoised(replace(case, law=law)).numpy().tobytes()}
    if method.trains:
        made["loss"] = lambda law: loss_of(method, replace(make_batch(method, model), model=law))
    for what, of in made.items():
        mine = of(case.law)
        if mine != of(case.law):  # which other checks have words for
            continue
        for name, law in _others(method, model):
            if of(law) != mine:
                return f'the {what} depends on the noise\'s {name}: expected knows = ("law",), or one that does without'
    return ""


def _others(method: Method, model: NoiseModel) -> Iterator[tuple[str, NoiseModel]]:
    """The law with one parameter larger, as the method is given it; its gain, which may be known alone, is the same."""
    for name, value in model.parameters.items():
        other = noise.varied(model, **{name: _FACTOR * value})
        if value and other.mean_gain == model.mean_gain:
            yield name, seen_by(method, other, smooth_images(1, (8, 8), 0), 0)[0]

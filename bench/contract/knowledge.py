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

#: Rayleigh noise, which has a gain, and Gaussian noise behind A.
_APART = (9, 2)
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
    """Result and loss are the same for other parameters of that noise, unless the method says that it knows them.

    The same of the gain and of A, on noise that has them.
    """
    if set(_TOLD) & set(method.knows):
        return ""
    for word, of, name, other in (*_parameters(model), *_gains(method), *_kernels(method)):
        if what := _depending(method, of, other):
            return f'the {what} depends on the noise\'s {name}: expected knows = ("{word}",), or one that does without'
    return ""


def _depending(method: Method, model: NoiseModel, other: NoiseModel) -> str:
    """What is not the same where the method is given the other law with the same images: "result", "loss" or ""."""
    case = make_case(method, model)
    law = seen_by(method, other, smooth_images(1, (8, 8), 0), 0)[0]
    made: dict[str, Callable[[NoiseModel], object]] = {"result": lambda law: denoised(replace(case, law=law)).numpy().tobytes()}
    if method.trains:
        made["loss"] = lambda law: loss_of(method, replace(make_batch(method, model), model=law))
    for what, of in made.items():
        mine = of(case.law)
        if mine == of(case.law) and of(law) != mine:  # for one that is never the same, other checks have words
            return what
    return ""


#: What must be known, the noise model, what is changed, and the model with that changed.
_Change = tuple[str, NoiseModel, str, NoiseModel]


def _parameters(model: NoiseModel) -> Iterator[_Change]:
    """The law with one parameter larger; its gain, which may be known alone, is the same."""
    for name, value in model.parameters.items():
        other = noise.varied(model, **{name: _FACTOR * value})
        if value and other.mean_gain == model.mean_gain:
            yield "law", model, name, other


def _gains(method: Method) -> Iterator[_Change]:
    for model in _met(method) if "gain" not in method.knows else ():
        changed = [noise.varied(model, **{name: _FACTOR * value}) for name, value in model.parameters.items()]
        yield from [("gain", model, "gain", other) for other in changed if other.mean_gain != model.mean_gain][:1]


def _kernels(method: Method) -> Iterator[_Change]:
    """Where it is given A^-1 y, A is known."""
    for model in _met(method) if "kernel" not in method.knows else ():
        if model.convolution is not None and not method.wants_decorrelated(model):
            yield "kernel", model, "A", noise.get(f"{model.base.slug}(conv=gauss(1.0))")


def _met(method: Method) -> list[NoiseModel]:
    """Noise of a gain other than 1, and correlated noise, as far as the method can be run on it."""
    return [model for model in map(noise.get, _APART) if answers(method, model)[0].verdict != "no"]

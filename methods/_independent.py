"""What methods that predict pixels from others ask of the noise, shared by them: independent between pixels, and unbiased."""

from __future__ import annotations

from dataclasses import replace

from methods._api import Applicability, Batch, Method
from noise import NoiseModel


def needs_independence(method: Method, model: NoiseModel) -> Applicability:
    """For a method whose target is the noisy image itself, y or A^-1 y."""
    traits, seen = model.traits, model.decorrelated()
    if traits.independent and traits.unbiased:
        return Applicability("yes", "the noise is independent between pixels and unbiased")
    if seen is not None and seen.same_image and traits.base_unbiased:
        return Applicability("indirect", "A^-1 y has noise that is independent between pixels and unbiased")
    broken = [] if traits.independent or method.wants_decorrelated(model) else correlated(model)
    if not traits.base_unbiased:
        broken.append("the noise is biased, E[y|x] is not x")
    given = " on A^-1 y" if method.wants_decorrelated(model) else ""
    return Applicability("infeasible", "; ".join(broken) + f": trained all the same{given}")


class PredictsPixels(Method):
    """A method whose target is the noisy image itself, by `needs_independence`."""

    def applicable(self, model: NoiseModel) -> Applicability:
        return needs_independence(self, model)


def correlated(model: NoiseModel) -> list[str]:
    """Why neighbouring pixels have noise that is not independent, and why A^-1 y does not help."""
    traits, seen = model.traits, model.decorrelated()
    if not traits.base_independent:
        return ["the noise of neighbouring pixels is correlated"]
    broken = ["A correlates the noise of neighbouring pixels"]
    if traits.gaussian:
        broken.append("A^-1 would correlate the added Gaussian noise instead")
    elif not traits.invertible:
        broken.append("A has no inverse of use")
    elif seen is not None and not seen.same_image:
        broken.append("that of A^-1 y is independent, but its image is A^-1 x, whose neighbouring pixels are less alike")
    return broken


def given_gain(method: Method, model: NoiseModel) -> Applicability | None:
    """For a method on y / g, g the known gain of biased noise; None where the noise that it sees is correlated."""
    if not model.traits.proportional:
        return Applicability("no", "E[y|x] is not x times a gain")
    if model.traits.independent:
        return Applicability("yes", "y / g is unbiased, and its noise independent between pixels")
    if method.wants_decorrelated(model):
        return Applicability("indirect", "A^-1 y / g is unbiased, and its noise independent between pixels")
    return None


def without_gain(batch: Batch) -> Batch:
    """The batch with y / g in place of y."""
    return replace(batch, noisy=batch.noisy / batch.model.mean_gain)

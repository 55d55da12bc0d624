"""Methods with a fault that is planted in them, and what the contract says of them."""

from __future__ import annotations

import dataclasses

import methods
import noise
from bench.contract.contract import on_noise
from methods import Applicability, Method

MODEL = noise.get(1)


@dataclasses.dataclass(frozen=True)
class Honest(Method):
    """Learns the noise from pairs of the image with itself: enough for the checks."""

    title = paper = assumptions = "of a test"

    def applicable(self, model):
        return Applicability("yes", "of a test")

    def loss(self, network, batch):
        half = batch.noisy + 10 * batch.normal(batch.noisy)
        return methods.mean_squared(methods.estimate(network, half) - batch.noisy)

    def denoise(self, network, y, model, generator):
        return methods.estimate(network, y)


@dataclasses.dataclass(frozen=True)
class Plain(Honest):
    """Trains nothing."""

    loss = Method.loss

    def denoise(self, network, y, model, generator):
        return 64 + y / 2


def planted(base=Plain, **functions):
    return dataclasses.dataclass(frozen=True)(type("Planted", (base,), {"__doc__": "Has a fault.", **functions}))()


def faults(method):
    """Check -> fault, on small images."""
    return {found.check: found.fault for found in on_noise(method, [MODEL]) if found.fault}

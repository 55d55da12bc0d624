"""The noisy input itself: the reference row of every table."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Method, Network
from noise import NoiseModel


@dataclass(frozen=True)
class Noisy(Method):
    """Returns its input."""

    title = "Noisy input"
    paper = "none: the input as it is"
    assumptions = "none"

    def applicable(self, model: NoiseModel) -> Applicability:
        return Applicability("yes", "the input needs no assumption")

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        return False

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return y

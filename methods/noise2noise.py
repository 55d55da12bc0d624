"""Noise2Noise: one noisy draw predicts another.

Lehtinen, Munkberg, Hasselgren, Laine, Karras, Aittala, Aila, "Noise2Noise: Learning Image Restoration without Clean Data",
ICML 2018, https://arxiv.org/abs/1803.04189.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Batch, Method, Network, estimate, mean_squared
from noise import NoiseModel


@dataclass(frozen=True)
class Noise2Noise(Method):
    """Minimises E |f(y1) - y2|^2 over pairs of independent noisy draws of each image, so that f(y1) = E[y2 | y1].

    Notes
    -----
    The released code draws both anew in every step, from clean images. Here there are two draws of each image, as a camera on a
    tripod has them. Half of the time either of the two is the input.
    """

    title = "Noise2Noise"
    paper = "Lehtinen et al., Noise2Noise, ICML 2018"
    assumptions = "two noisy draws of each image, E[y|x] = x"
    knows = ("second",)
    capturable = True
    in_all = False

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if traits.unbiased:
            return Applicability("yes", "the noise is unbiased, so a second draw is x on average")
        if traits.base_unbiased and self.wants_decorrelated(model):
            return Applicability("indirect", "A^-1 y is unbiased, so a second draw of it is x on average")
        broken = []
        if traits.convolved and not traits.additive and not self.wants_decorrelated(model):
            broken.append("A blurs the image, E[y|x] is A x at best")
        if not traits.base_unbiased:
            broken.append("the noise is biased, E[y|x] is not x")
        return Applicability("infeasible", "; ".join(broken) + ": trained all the same")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        assert batch.second is not None
        # the first half of the patches of the one draw predicts the other, the second half the other way round
        half = len(batch.noisy) // 2
        given = torch.cat([batch.noisy[:half], batch.second[half:]])
        wanted = torch.cat([batch.second[:half], batch.noisy[half:]])
        return mean_squared(estimate(network, given) - wanted)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return estimate(network, y)

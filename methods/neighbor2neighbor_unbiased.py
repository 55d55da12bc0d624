"""Neighbor2Neighbor given what the score solver is given: y divided by the known gain of biased noise. Our own variant.

Huang, Li, Jia, Lu, Liu, "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images", CVPR 2021,
https://arxiv.org/abs/2101.02824.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Batch, Network
from methods._independent import correlated, given_gain, without_gain
from methods.neighbor2neighbor import Neighbor2Neighbor
from noise import NoiseModel


@dataclass(frozen=True)
class Neighbor2NeighborUnbiased(Neighbor2Neighbor):
    """Neighbor2Neighbor on y / g, where E[y | x] = g x with a known g other than 1 (Rayleigh noise, Nos. 9, 10, 15, 16).

    The published method takes E[y | x] = x, so on these rows it learns g x, which is no fault of its idea. On the others the
    two are one method, so this one is left out there.
    """

    title = "Neighbor2Neighbor, y / gain (ours)"
    paper = "of this project: Huang et al. (CVPR 2021) on y divided by the known gain of the noise"
    assumptions = "noise independent between pixels, E[y|x] = g x with known g"
    knows = ("gain",)

    def applicable(self, model: NoiseModel) -> Applicability:
        if model.traits.base_unbiased:
            return Applicability("no", "E[y|x] has the gain 1: it is Neighbor2Neighbor itself")
        broken = "; ".join(correlated(model))
        return given_gain(self, model) or Applicability("infeasible", f"{broken}: trained all the same on y / g")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        return super().loss(network, without_gain(batch))

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return super().denoise(network, y / model.mean_gain, model, generator)

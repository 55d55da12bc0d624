"""UNSURE from a learnt score: Tweedie's formula with a level of the noise that the score itself tells. No training of its own.

Tachella, Davies, Jacques, "UNSURE: Self-Supervised Learning with Unknown Noise Level and Stein's Unbiased Risk Estimate",
ICLR 2025, https://arxiv.org/abs/2409.01985.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Network, derived
from methods._risk import level
from methods._score import ScoreMethod
from noise import NoiseModel
from noise.gaussian import Gaussian, normal


@dataclass(frozen=True)
class UnsureScore(ScoreMethod):
    """x = y + sigma^2 s(y) with sigma^2 = 1 / mean(s^2) over the image, the largest level that is consistent with its score.

    Where the noise is A n, A^T s is the score seen through A^-1: sigma^2 = 1 / mean((A^T s)^2), x = y + sigma^2 A A^T s.

    Notes
    -----
    The network is the score solver's, learnt of y + sigma_a u, so that sigma^2 + sigma_a^2 stands for sigma^2 in both formulas;
    the mean is taken over one draw of y + sigma_a u, to which the score belongs. The solve uses no level, but the network's
    training did, which the published method is not given: its output is in units of the standard deviation that the law states.

    With r = MMSE / sigma^2, the level found is sigma^2 / (1 - r) and the error MMSE / (1 - r), where the score is exact.
    """

    title = "UNSURE by score"
    paper = "Tachella et al., UNSURE, ICLR 2025"
    assumptions = "Gaussian noise of one level"
    knows = ("level", "kernel")

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if not traits.additive:
            return Applicability("no", "the noise is not Gaussian of one level, which Tweedie's formula would need")
        if not traits.score:
            return Applicability("no", "p(y|x) has no score, so there is no formula of Tweedie's")
        if traits.signal_dependent:
            return Applicability("infeasible", "the level of the noise depends on x: solved all the same, as if it did not")
        return Applicability("yes", "the noise is Gaussian of one level, which the score tells")

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        assert isinstance(model.base, Gaussian)
        sigma = self.matching.counted_sigma
        there = y + sigma * normal(y, derived(generator, "perturbation of unsure-score")) if sigma else y
        white = [self.matching.score(network, image, model) for image in (there, y)]
        if model.convolution is not None:
            white = [model.convolution.adjoint(each) for each in white]
        change = level(white[0]) * white[1]
        return y + (change if model.convolution is None else model.convolution.apply(change))

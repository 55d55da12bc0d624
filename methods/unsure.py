"""UNSURE: Stein's estimate of the risk where the level of the noise is not known.

Tachella, Davies, Jacques, "UNSURE: Self-Supervised Learning with Unknown Noise Level and Stein's Unbiased Risk Estimate",
ICLR 2025, https://arxiv.org/abs/2409.01985.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import UNIT, Applicability, Batch, Method, Network
from methods._risk import risk, unsure
from noise import Convolution, NoiseModel

#: Half of a pixel and half of the mean of the 3x3 around it, weighted 1 2 1: correlates made-up noise, whatever A is.
_BLUR = Convolution(((1 / 32, 1 / 16, 1 / 32), (1 / 16, 5 / 8, 1 / 16), (1 / 32, 1 / 16, 1 / 32)))


@dataclass(frozen=True)
class Unsure(Method):
    """Solves max over eta, min over f of E |f(y) - y|^2 + 2 tr(Sigma E df/dy), Sigma = eta or a convolution with a kernel eta.

    For any eta the minimum is at f(y) = y + Sigma s(y), s the score of y, which does not depend on eta. So the network learns
    by SURE for noise of a made-up covariance M, and its minimum, f(y) - y = M s(y), tells s. The maximum over eta of what is
    then left, 2 tr Sigma - E |Sigma s|^2, has a closed form (`methods._risk.unsure`), here with the test image's mean for E.

    Parameters
    ----------
    step : float
        Of the finite difference of SURE (in units of the made-up noise, > 0).
    side : int
        Side of the kernel where the noise is correlated (pixels, odd).

    Notes
    -----
    The paper takes a step of gradient ascent in eta after each step of f. The saddle point is the same; here the loss has no
    state, and each image its own eta, where the paper has one for all.

    M is `UNIT`^2 where the noise is independent between pixels; where it is not, B B^T times that, B a slight blur: with M
    white, errors of s at high frequencies, which Sigma makes small, outweighed all others: on No. 2 the result was worse than y
    (docs/recipes.md). That the noise is correlated is told, A is not: Sigma of 3x3, the paper's, cannot be all of A A^T, which
    has 5x5.
    """

    step: float = 0.1
    side: int = 3

    title = "UNSURE"
    paper = "Tachella et al., UNSURE, ICLR 2025"
    assumptions = "Gaussian noise of an unknown level, or of an unknown covariance of short range"
    capturable = True
    in_all = False

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if not traits.additive:
            return Applicability("no", "the noise is not Gaussian of one level")
        if traits.signal_dependent:
            return Applicability("infeasible", "the level of the noise depends on x: trained all the same, as if it did not")
        if not traits.base_independent:
            return Applicability("infeasible", "the noise is correlated beyond a short range: trained all the same")
        if traits.convolved:
            return Applicability("yes", "the noise is Gaussian of one covariance of short range, which need not be known")
        return Applicability("yes", "the noise is Gaussian of one level, which need not be known")

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        return False  # A is not known

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        probe, variance = UNIT * batch.normal(batch.noisy), UNIT**2
        if batch.model.traits.convolved:
            probe, variance = _BLUR.apply(probe), variance * _BLUR.noise_gain() ** 2
        return risk(network, batch.noisy, probe, probe, variance, self.step)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        score = network(y) / UNIT
        if not model.traits.convolved:
            return unsure(y, score)
        return unsure(y, _BLUR.inverse(_BLUR.inverse_adjoint(score)), self.side)

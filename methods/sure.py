"""SURE: train on Stein's unbiased estimate of the risk.

Metzler, Mousavi, Heckel, Baraniuk, "Unsupervised Learning with Stein's Unbiased Risk Estimator", 2018,
https://arxiv.org/abs/1805.10531; Le Montagner, Angelini, Olivo-Marin, "An Unbiased Risk Estimator for Image Denoising in the
Presence of Mixed Poisson-Gaussian Noise", IEEE TIP 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Applicability, Batch, Method, Network, brightness, estimate
from methods._risk import risk
from noise import NoiseModel


@dataclass(frozen=True)
class Sure(Method):
    """Minimises |f(y) - y|^2 - tr S + 2 tr(S df/dy), S the covariance of y given x, whose mean is E |f(y) - x|^2.

    The trace is estimated with one random probe b and a finite difference along it. For Gaussian noise b has the covariance S,
    and tr(S J) = E[b^T J b]. For Poisson noise of gain g, with or without Gaussian noise, S is diag(v), v = g y + sigma^2, b is
    +-1, and tr(diag(v) J) = E[(v b)^T J b].

    Parameters
    ----------
    step : float
        Of the finite difference for Gaussian noise (in units of its standard deviation, > 0).
    step_poisson : float
        The same for Poisson noise (grey levels, > 0).
    window : int
        Side of the neighbourhood whose mean says how large Gaussian noise is (pixels, odd).

    Notes
    -----
    For Poisson noise the estimate is of first order: y_i (f_i(y) - f_i(y - g e_i)) would be exact in place of g y_i df_i/dy_i,
    at one pass for each pixel. With Gaussian noise as well Le Montagner et al. have a term with second derivatives; left out.

    Where the standard deviation of Gaussian noise depends on x (Nos. 3, 4), S is that of the mean around each noisy pixel.
    """

    step: float = 0.1
    step_poisson: float = 0.255
    window: int = 5

    title = "SURE"
    paper = "Metzler et al., Unsupervised Learning with SURE, 2018; Le Montagner et al., IEEE TIP 2014"
    assumptions = "Gaussian, Poisson or Poisson-Gaussian noise of known law"
    knows = ("law",)
    capturable = True
    in_all = False

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if traits.additive:
            at = " at a local mean" if traits.signal_dependent else ""
            return Applicability("yes", f"the noise is Gaussian and its covariance{at} is known, so Stein's lemma holds")
        if not traits.shot:
            return Applicability("no", "the estimate of the risk is one for Gaussian and Poisson noise alone")
        if traits.independent:
            return Applicability(
                "yes", "the variance of the noise follows from its mean by a known gain, so the risk can be told"
            )
        if model.decorrelated() is not None:
            return Applicability("indirect", "A^-1 y has Poisson noise of known gain, so the risk can be told")
        why = "A^-1 would correlate the added Gaussian noise" if traits.gaussian else "A has no inverse of use"
        return Applicability("no", f"{why}, and y itself has the mean A x")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        y, base = batch.noisy, batch.model.base
        if base.additive:
            mean = brightness(y, self.window)
            probe = batch.model.noise(mean, batch.generator)
            return risk(network, y, probe, probe, batch.model.std(mean).square(), self.step)
        variance = base.variance(y) + batch.model.gaussian**2
        drawn = torch.rand(y.shape, generator=batch.generator, dtype=y.dtype, device=y.device)
        probe = 2 * (drawn > 0.5).to(y.dtype) - 1
        return risk(network, y, probe, variance * probe, variance, self.step_poisson)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return estimate(network, y)

"""Noisier2Noise: predict the noisy image from a noisier one.

Moran, Schmidt, Zhong, Coady, "Noisier2Noise: Learning to Denoise from Unpaired Noisy Data", CVPR 2020,
https://arxiv.org/abs/1910.11908.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from methods._api import Applicability, Batch, Method, Network, Training, derived, estimate, mean_squared
from methods._recorrupt import mean_over_draws, share_of, with_more
from noise import NoiseModel

#: Grey levels: what is below was erased, or black (A^-1 leaves zeros but for rounding).
_ERASED = 0.01


@dataclass(frozen=True)
class Noisier2Noise(Method):
    """Minimises E |f(z) - y|^2, z = y + alpha m, m a second draw of the noise, so that f(z) = E[y | z].

    E[y | z] = (alpha^2 E[x | z] + z) / (1 + alpha^2), from which E[x | z] = ((1 + alpha^2) f(z) - z) / alpha^2 follows.

    Of noise that is added, but not Gaussian, m has the size of the first (alpha = 1). Where values are erased, z erases more of
    them by the same law: where z is 0, E[y | z] = p / (1 + p) E[x | z], p the share that is kept; where y is not, it is x.

    Parameters
    ----------
    alpha : float
        Size of the second noise in units of the first (dimensionless, > 0).
    draws : int
        Images z whose results are averaged at test.
    residual : bool
        Add the network's output to z; False: the output is the image.
    window : int
        Side of the neighbourhood whose mean says how large the noise is (pixels, odd); 1: the noisy pixel itself.

    Notes
    -----
    With `residual` and for a = alpha^2 / (1 + alpha^2), the loss is a^2 times that of `recorrupted` for the network's output
    over a: R2R for Gaussian noise, but for the unit of the output (5 grey levels in place of 25 for alpha = 0.5).

    Where the standard deviation depends on x (Nos. 3, 4), the second noise needs it: it is evaluated at the mean around each
    noisy pixel, limited to [0, 255], as the score methods do. At the noisy pixel itself the second noise would follow the
    first, to which it is to be exchangeable: 0.78 dB worse on No. 3, by the loss of R2R. The clean image is not used.
    """

    alpha: float = 0.7
    draws: int = 8
    residual: bool = True
    window: int = 5
    training: Training = Training(learning_rate=4.0, patch=0.5)

    title = "Noisier2Noise"
    paper = "Moran et al., Noisier2Noise, CVPR 2020"
    assumptions = "additive or erasing noise of known law"
    knows = ("law",)
    capturable = True
    tunable = Method.tunable | {"alpha": (0.35, 0.5, 0.7, 1.0)}

    def as_published(self) -> Noisier2Noise:
        return replace(self, training=Training(), alpha=0.5, residual=False, window=1)

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if traits.additive:
            return Applicability("yes", "the noise is additive, so a second draw of it can be added")
        if traits.signal_dependent and not traits.erasing:
            return Applicability("no", "the noise is not additive: a second draw of it cannot be added to the first")
        drawn = "can be added" if not traits.erasing else "can erase more"
        if traits.independent:
            return Applicability("yes", f"a second draw of the same noise {drawn}")
        if self.wants_decorrelated(model):
            return Applicability("indirect", f"to A^-1 y a second draw of the same noise {drawn}")
        return Applicability("no", "A blurs the image, and A^-1 leaves no noise of which a second draw can be had")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        z = self._noisier(batch.noisy, batch.model, batch.generator)
        return mean_squared(estimate(network, z, residual=self.residual) - batch.noisy)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        own = derived(generator, "second noise of noisier2noise")
        clean = mean_over_draws(self.draws, lambda: self._noisier(y, model, own), lambda z: self._clean(network, z, model))
        return torch.where(y.abs() < _ERASED, clean, y) if model.traits.erasing else clean

    def _clean(self, network: Network, z: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        """E[x | z], where z is 0 if the noise erases."""
        found = estimate(network, z, residual=self.residual)
        if model.traits.erasing:
            return (1 + 1 / model.base.kept) * found
        alpha = self.alpha if model.traits.additive else 1.0
        return z + (found - z) / share_of(alpha)

    def _noisier(self, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        if model.traits.additive:
            return with_more(y, self.alpha, model, self.window, generator)
        # y with erased values of its own, or with noise whose law does not depend on y
        return model.base.sample(y, generator) if model.traits.erasing else y + model.sample(torch.zeros_like(y), generator)

"""Recorrupted-to-Recorrupted: split a noisy image into two whose noise is independent; one predicts the other.

Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image Denoising", CVPR 2021; Monroy,
Bacca, Tachella, "Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond Gaussian Noise", CVPR 2025,
https://arxiv.org/abs/2412.04648 (Poisson and Gamma noise).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from methods._api import Applicability, Batch, Method, Network, Training, derived, estimate, mean_squared
from methods._recorrupt import mean_over_draws, share_of, with_more
from noise import NoiseModel


@dataclass(frozen=True)
class Recorrupted(Method):
    """Minimises E |f(y1) - y2|^2, y2 = (y - (1 - a) y1) / a, where y1 and y2 are independent given x and have the mean x.

    So f(y1) = E[x | y1]. With w drawn anew in every step,

        Gaussian noise n       y1 = y + sqrt(a / (1 - a)) w,       w of the law of n
        Poisson noise, k / lam y1 = (k - w) / ((1 - a) lam),       w ~ Bin(k, a)
        Gamma(l, l) noise      y1 = y (1 - w) / (1 - a),           w ~ Beta(l a, l (1 - a)).

    Parameters
    ----------
    alpha : float
        Size of w in units of the noise (dimensionless, > 0), as in Pang et al.; a = alpha^2 / (1 + alpha^2) for every law.
    draws : int
        Images y1 whose results are averaged at test.
    window : int
        Side of the neighbourhood whose mean says how large Gaussian noise is (pixels, odd).

    Notes
    -----
    Pang et al. average 50 draws, Monroy et al. 5. Where the standard deviation of Gaussian noise depends on x (Nos. 3, 4), that
    of w is evaluated at the mean around each noisy pixel, limited to [0, 255], as the score methods do; y1 and y2 are then
    independent but for the error of that mean.
    """

    alpha: float = 0.5
    draws: int = 8
    window: int = 5
    training: Training = Training(learning_rate=2.0, patch=0.5)

    title = "R2R"
    paper = "Pang et al., Recorrupted-to-Recorrupted, CVPR 2021; Monroy et al., Generalized R2R, CVPR 2025"
    assumptions = "Gaussian, Poisson or Gamma noise of known law"
    knows = ("law",)
    capturable = True
    tunable = Method.tunable | {"alpha": (0.35, 0.5, 0.7, 1.0)}

    @property
    def share(self) -> float:
        """The a of Monroy et al.: of the information that y has, what goes to y2."""
        return share_of(self.alpha)

    def as_published(self) -> Recorrupted:
        return replace(self, training=Training())

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if traits.additive:
            at = ", its size at a local mean" if traits.signal_dependent else ""
            return Applicability("yes", f"y with more Gaussian noise and y with less of it can be had from y{at}")
        if traits.splits:
            if traits.convolved:
                return Applicability("indirect", "A^-1 y has noise of a law of which a part can be split off")
            return Applicability("yes", "of this law a part can be split off, independent of the rest")
        if not traits.invertible:
            return Applicability("no", "A correlates the noise, and has no inverse of use")
        if traits.gaussian:
            return Applicability("no", "no split of a mixture with Gaussian noise into independent parts is known")
        return Applicability("no", "no split of this law into independent parts is known")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        first, second = self._split(batch.noisy, batch.model, batch.generator)
        return mean_squared(estimate(network, first) - second)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        own = derived(generator, "recorruption")
        return mean_over_draws(self.draws, lambda: self._split(y, model, own)[0], lambda first: estimate(network, first))

    def _split(self, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """y1 and y2, grey levels, the shape of y."""
        share = self.share
        if model.traits.additive:
            first = with_more(y, self.alpha, model, self.window, generator)
        else:
            first = model.base.split(y, share, generator)
        return first, (y - (1 - share) * first) / share

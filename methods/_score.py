"""Learning the score of noisy images, shared by Noise2Score and the score solver.

Lim, Courville, Pal, Huang, "AR-DAE: Towards Unbiased Neural Entropy Gradient Estimation", ICML 2020,
https://arxiv.org/abs/2006.05164; Xie et al. (2023), Eq. 18.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from methods._api import Batch, Method, Network
from noise import NoiseModel


@dataclass(frozen=True)
class ScoreMatching:
    """Minimises E |u + sigma_a s(y + sigma_a u)|^2: s is then the score of y + sigma_a u, u standard normal.

    Parameters
    ----------
    first_sigma : float
        sigma_a at the beginning (grey levels).
    last_sigma : float
        sigma_a at the end, approached geometrically (grey levels). The score that is used is that of
        y + last_sigma u, and the solvers count it.
    window : int
        Side of the neighbourhood whose mean says how large the noise is (pixels, odd).

    Notes
    -----
    The network's output is the score times the standard deviation of y + sigma_a u, which the noise model states for the
    brightness around each pixel, and the loss is that of Eq. 18 times the square of the same. Both are functions of the
    network's input alone, so the minimiser is still the score. Without them, noise that grows with x makes the score of dark
    pixels, which hardly matter to the image, outweigh all others: Gamma noise was 1.4 dB worse at a small budget.

    So a network belongs to the law that it was trained on: where that law's parameters are corrected afterwards, `score` still
    takes the trained one, and `NoiseModel.solve` of the corrected one takes the score.

    sigma_a ends at 10 grey levels, not near 0 as in the paper: the variance of the loss grows as 1 / sigma_a^2, and sigma_a
    is counted when solving.
    """

    first_sigma: float = 15.0
    last_sigma: float = 10.0
    window: int = 5

    def sigma(self, progress: float) -> float:
        """sigma_a where a share `progress` of the training is done (grey levels)."""
        return self.first_sigma * (self.last_sigma / self.first_sigma) ** progress

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        """Eq. 18 times (std / sigma_a)^2."""
        sigma = self.sigma(batch.progress)
        u = batch.normal(batch.noisy)
        y = batch.noisy + sigma * u
        return (self._std(y, batch.model, sigma) / sigma * u + network(y)).square().mean()

    def score(self, network: Network, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
        """The learnt score of y + last_sigma u at y (per grey level); `model` is the law of the training."""
        return network(y) / self._std(y, model, self.last_sigma)

    def _std(self, y: torch.Tensor, model: NoiseModel, sigma: float) -> torch.Tensor:
        """Standard deviation of the noise in y, from the mean around each pixel (grey levels, the shape of y)."""
        padded = F.pad(y, [self.window // 2] * 4, mode="replicate")
        x = F.avg_pool2d(padded, self.window, stride=1) / model.mean_gain
        return (model.std(x.clamp(min=1)).square() + sigma**2).sqrt()


@dataclass(frozen=True)
class ScoreMethod(Method):
    """Base of the methods that solve an equation for x given the learnt score; they share its network."""

    matching: ScoreMatching = ScoreMatching()

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        """Wherever A^-1 leaves noise independent between pixels (Nos. 2, 6, 8, 10).

        The score holds A^-1 twice, so that learning it for y is badly conditioned.
        """
        return model.decorrelated() is not None

    def learns(self) -> str:
        return str(self.matching)

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        return self.matching.loss(network, batch)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return model.solve(y, self.matching.score(network, y, model), sigma_a=self.matching.last_sigma)

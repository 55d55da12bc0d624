"""Gamma (speckle) noise: the multiplicative part of Nos. 5, 6, 11 and 12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from scipy.special import gammaincinv

from noise import guards
from noise.base import Base, Parameter


@dataclass(frozen=True)
class Gamma(Base):
    """z = eta x, eta ~ Gamma(shape alpha, rate alpha): mean x, standard deviation x / sqrt(alpha).

    Parameters
    ----------
    alpha : float
        Shape (dimensionless, > 1). The paper's text says 26, its code (127.5 / 25)^2 = 26.01.
    """

    alpha: float

    title = "Gamma"
    formula = ("η ⊙ x", "η ~ Gamma(α, α)")
    parameters: ClassVar = {"alpha": Parameter(26.0, above=1.0)}  # the score is bounded at z = 0 for alpha > 1
    exponential_family = True

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return x**2 / self.alpha

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for every smooth f (squared grey levels)."""
        return x * z.clamp(min=0) / self.alpha

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels, >= 0)."""
        # torch.distributions.Gamma calls the same function, but takes no generator.
        shape = torch.full_like(x, self.alpha)
        return x * torch._standard_gamma(shape, generator=generator) / self.alpha

    def split(self, z: torch.Tensor, share: float, generator: torch.Generator | None = None) -> torch.Tensor:
        """z (1 - w) / (1 - share), w ~ Beta(alpha share, alpha (1 - share)) (Monroy et al., CVPR 2025)."""
        # w = g / (g + h) is that for g ~ Gamma(alpha share) and h ~ Gamma(alpha (1 - share))
        g, h = (
            torch._standard_gamma(torch.full_like(z, self.alpha * part), generator=generator) for part in (share, 1 - share)
        )
        return z * h / ((g + h) * (1 - share))

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """(alpha - 1) / z - alpha / x, the gradient of the log of Eq. 11 by z."""
        return (self.alpha - 1) / z - self.alpha / x

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """Eq. 12, with z below 0 counted as 0 and alpha z / x ~ Gamma(alpha, 1) kept above its 1e-12 quantile."""
        z = guards.limited("gamma: negative intensity", z, z.clamp(min=0))
        least = float(gammaincinv(self.alpha, 1e-12))
        ratio = self.alpha - 1 - z * s  # alpha z / x
        return self.alpha * z / guards.limited("gamma: score too large", ratio, ratio.clamp(min=least))

    def solve_paper(self, z: torch.Tensor, s: torch.Tensor, iterations: int) -> torch.Tensor:
        """Eq. 12 as it stands."""
        return self.alpha * z / (self.alpha - 1 - z * s)

"""Poisson (shot) noise: the signal-dependent part of Nos. 7, 8, 13 and 14."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from noise import guards
from noise.base import Base, Parameter


@dataclass(frozen=True)
class Poisson(Base):
    """z = k / lam, k ~ Poisson(lam x): mean x, standard deviation sqrt(x / lam), multiples of 1 / lam.

    Parameters
    ----------
    lam : float
        Counts a grey level (> 0).

    Notes
    -----
    z is discrete, so it has no density; its score is the paper's: the derivative by z of the log of Eq. 13, with
    log(k + 1/2) for the derivative of log k!.
    """

    lam: float

    title = "Poisson"
    formula = ("k / λ", "k ~ Poisson(λ x)")
    parameters: ClassVar = {"lam": Parameter(0.2)}
    exponential_family = True
    shot = True

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return x / self.lam

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for smooth f (squared grey levels).

        Notes
        -----
        Exact, as z is discrete, are E[x lam D f(z)] and E[z lam D f(z - 1 / lam)] with D f(z) = f(z + 1 / lam) - f(z). The
        mean of the two is a central difference: what is left out holds the third derivative of f.
        """
        return (x + z.clamp(min=0)) / (2 * self.lam)

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels, >= 0).

        Notes
        -----
        Counts are whole numbers: torch gives their gradient with respect to x as 0, which is not that of their mean.
        """
        return torch.poisson(self.lam * x, generator=generator) / self.lam

    def split(self, z: torch.Tensor, share: float, generator: torch.Generator | None = None) -> torch.Tensor:
        """(lam z - w) / ((1 - share) lam), w ~ Bin(lam z, share) (Monroy et al., CVPR 2025)."""
        counts = (self.lam * z).round().clamp(min=0)  # A^-1 leaves whole numbers but for rounding
        return (counts - torch.binomial(counts, torch.full_like(z, share), generator)) / ((1 - share) * self.lam)

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """lam log(lam x) - lam log(lam z + 1/2), for z > -1 / (2 lam)."""
        return self.lam * (torch.log(self.lam * x) - torch.log(self.lam * z + 0.5))

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """Eq. 14, with z below -1 / (2 lam) counted as that and exp(s / lam) limited.

        The limit is where a count of 0 has a probability below 1e-12: lam x = 27.6 = 1/2 exp(4.01).
        """
        limit = math.log(-2 * math.log(1e-12))
        shifted, exponent = z + 0.5 / self.lam, s / self.lam
        intensity = guards.limited("poisson: negative intensity", shifted, shifted.clamp(min=0))
        guards.note("poisson: score too large", lambda: (exponent > limit) & (intensity > 0))
        return intensity * torch.exp(exponent.clamp(max=limit))

    def solve_paper(self, z: torch.Tensor, s: torch.Tensor, iterations: int) -> torch.Tensor:
        """Eq. 14 as it stands."""
        return (z + 0.5 / self.lam) * torch.exp(s / self.lam)

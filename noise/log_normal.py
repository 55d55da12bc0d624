"""Log-normal speckle of unit mean: what a product of many small factors comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from noise import guards
from noise.base import Base, Parameter


@dataclass(frozen=True)
class LogNormal(Base):
    """z = x exp(spread n - spread^2 / 2), n standard normal: mean x, standard deviation sqrt(exp(spread^2) - 1) x.

    Parameters
    ----------
    spread : float
        Standard deviation of log z (dimensionless, > 0).
    """

    spread: float

    title = "Log-normal"
    formula = ("η ⊙ x", "log η ~ N(-spread² / 2, spread²)")
    parameters: ClassVar = {"spread": Parameter(0.2, below=4.0)}
    exponential_family = True

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return math.expm1(self.spread**2) * x**2

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for every smooth f (squared grey levels).

        It is x (Phi(n) - Phi(n - spread)) / p(z | x), n = log(z / x) / spread + spread / 2.
        """
        x = x.clamp(min=1e-6)
        n = (torch.log(z.clamp(min=1e-30) / x) / self.spread + self.spread / 2).clamp(-8, 8)
        density = torch.exp(-(n**2) / 2) / math.sqrt(2 * math.pi)
        least = torch.where(n > self.spread / 2, n - self.spread, -n)  # on the side of 0 where the difference does not cancel
        between = 0.5 * (torch.special.erfc(least / math.sqrt(2)) - torch.special.erfc((least + self.spread) / math.sqrt(2)))
        return x * z.clamp(min=0) * self.spread * between / density

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels, >= 0)."""
        n = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return x * torch.exp(self.spread * n - self.spread**2 / 2)

    def log_density(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """log p(z | x) + constant."""
        return -torch.log(z) - (torch.log(z / x) + self.spread**2 / 2) ** 2 / (2 * self.spread**2)

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """-(3/2 + log(z / x) / spread^2) / z."""
        return -(1.5 + torch.log(z / x) / self.spread**2) / z

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """x = z exp(spread^2 (s z + 3/2)), with z below 0 counted as 0 and n kept within +-7.03 (all but 2e-12 of it)."""
        z = guards.limited("log-normal: negative intensity", z, z.clamp(min=0))
        free = -self.spread * (s * z + 1)  # n
        n = guards.limited("log-normal: score out of range", free, free.clamp(-7.03, 7.03))
        return z * torch.exp(self.spread**2 / 2 - self.spread * n)

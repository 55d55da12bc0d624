"""Rayleigh noise: the multiplicative part of Nos. 9, 10, 15 and 16; biased."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from noise import guards
from noise.base import Base, Parameter


@dataclass(frozen=True)
class Rayleigh(Base):
    """z = (1 + eta) x, eta ~ Rayleigh(sigma): mean (1 + sigma sqrt(pi / 2)) x, so biased upwards.

    Parameters
    ----------
    sigma : float
        Scale of eta (dimensionless, > 0).
    """

    sigma: float

    title = "Rayleigh"
    formula = ("(1 + η) ⊙ x", "η ~ Rayleigh(scale)")
    parameters: ClassVar = {"scale": Parameter(0.3)}

    @classmethod
    def of(cls, **parameters: float) -> Rayleigh:
        return cls(sigma=parameters["scale"])

    @property
    def mean_gain(self) -> float:
        """E[z | x] / x."""
        return 1 + self.sigma * math.sqrt(math.pi / 2)

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return (2 - math.pi / 2) * (self.sigma * x) ** 2

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for every smooth f (squared grey levels).

        It is the integral of (v - E z) p(v | x) over v > z, divided by p(z | x), by Mills' ratio in closed form; 0 for z <= x.
        """
        scale = self.sigma * x.clamp(min=1e-6)
        return rayleigh_kernel((z - x) / scale) * scale**2

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels, >= 0)."""
        uniform = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        # A uniform number of exactly 0 (one float32 pixel in 17 million) would give z = x, where the score is infinite.
        uniform = uniform.clamp(min=torch.finfo(x.dtype).eps / 4)
        eta = self.sigma * torch.sqrt(-2 * torch.log1p(-uniform))
        return (1 + eta) * x

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """1 / (z - x) - (z - x) / (sigma x)^2, for z > x: the gradient of the log of Eq. 15 by z."""
        return 1 / (z - x) - (z - x) / (self.sigma * x) ** 2

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """x = z / (1 + t) with t the one positive root of t^3 + t^2 + c t - sigma^2, c = sigma^2 (s z - 1).

        This is Eq. 7 times sigma^2 t x (1 + t) for t = (z - x) / x; one change of sign, so one root.
        Newton's method comes down to it monotonically from any start on its right. z below 0 counts as 0.
        """
        z = guards.limited("rayleigh: negative intensity", z, z.clamp(min=0))
        variance = self.sigma**2
        c = variance * (s * z - 1)
        t = 1 + self.sigma + torch.sqrt(c.abs())
        for _ in range(100):
            step = (((t + 1) * t + c) * t - variance) / ((3 * t + 2) * t + c)
            t = t - step
            if bool((step <= 4 * torch.finfo(t.dtype).eps * t).all()):
                break
        return z / (1 + t)

    def solve_paper(self, z: torch.Tensor, s: torch.Tensor, iterations: int) -> torch.Tensor:
        """Algorithm 3 as it stands."""
        x = z
        for _ in range(iterations):
            b = self.sigma**2 * s * x
            t = 0.5 * (torch.sqrt(b * b + 4 * self.sigma**2) - b)
            x = z / (t + 1)
        return x


def rayleigh_kernel(e: torch.Tensor) -> torch.Tensor:
    """Stein's kernel of a Rayleigh variable e of scale 1; 0 for e <= 0."""
    e = e.clamp(min=1e-3)  # it goes to 0 as sqrt(pi / 8) e
    mean = math.sqrt(math.pi / 2)
    mills = mean * torch.special.erfcx(e / math.sqrt(2))
    return ((e - mean + mills) / e).clamp(min=0)

"""Rician noise: the magnitude of a complex image with Gaussian noise, as magnetic resonance has it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.special import i0e, i1e

from noise import guards
from noise.base import Base, Parameter


@dataclass(frozen=True)
class Rician(Base):
    """z = sqrt((x + sigma n1)^2 + (sigma n2)^2), n1 and n2 standard normal.

    It is biased, and not by a factor: E[z | x] is 1.25 sigma at x = 0, and near x where x is several times sigma.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise in each of the two parts of the complex image (grey levels, > 0).

    References
    ----------
    Gudbjartsson, Patz, "The Rician Distribution of Noisy MRI Data", Magnetic Resonance in Medicine 34, 1995.
    """

    sigma: float

    title = "Rician"
    formula = ("|x + ε₁ + i ε₂|", "ε₁, ε₂ ~ N(0, σ²)")
    parameters: ClassVar = {"sigma": Parameter(25.0)}
    proportional = False

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        """E[z | x] = sigma sqrt(pi / 2) L(-x^2 / (2 sigma^2)), L the Laguerre function of degree 1/2 (grey levels)."""
        half = (x / self.sigma) ** 2 / 4
        return self.sigma * math.sqrt(math.pi / 2) * ((1 + 2 * half) * i0e(half) + 2 * half * i1e(half))

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x] = x^2 + 2 sigma^2 - E[z | x]^2, in squared grey levels."""
        wide = x.double()  # the difference is small beside x^2
        return (wide**2 + 2 * self.sigma**2 - self.mean(wide) ** 2).to(x.dtype)

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels, >= 0)."""
        real, imaginary = torch.randn((2, *x.shape), generator=generator, dtype=x.dtype, device=x.device)
        return torch.hypot(x + self.sigma * real, self.sigma * imaginary)

    def log_density(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """log p(z | x) + constant."""
        u = x * z / self.sigma**2
        return torch.log(z) - (z**2 + x**2) / (2 * self.sigma**2) + u + torch.log(i0e(u))

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """1 / z + (x R(x z / sigma^2) - z) / sigma^2, R = I1 / I0, for z > 0."""
        return 1 / z + (x * _ratio(x * z / self.sigma**2) - z) / self.sigma**2

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """The root of x R(x z / sigma^2) = z + sigma^2 (s - 1 / z), and 0 where the right-hand side is not above 0.

        The left-hand side grows with x, and as u / (1 + sqrt(1 + u^2)) <= R(u) <= 1 (Amos 1974), for the right-hand side r the
        root lies in [r, sqrt(r^2 + 2 r sigma^2 / z)]. Newton's method, which halves the interval where it would leave it.
        z is kept above 1e-6 sigma, which it is with a probability of all but 5e-13.
        """
        variance = self.sigma**2
        z = guards.limited("rician: no amplitude", z, z.clamp(min=1e-6 * self.sigma))
        right = z + variance * (s - 1 / z)
        right = guards.limited("rician: no solution", right, right.clamp(min=0))
        low, high = right, torch.sqrt(right * (right + 2 * variance / z))
        x, tolerance = high, 4 * torch.finfo(z.dtype).eps
        for _ in range(100):
            u = x * z / variance
            ratio = _ratio(u)
            excess = x * ratio - right
            low, high = torch.where(excess < 0, x, low), torch.where(excess > 0, x, high)
            newton = x - excess / (u * (1 - ratio**2)).clamp(min=1e-12)
            before, x = x, torch.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
            if bool(((x - before).abs() <= tolerance * (1 + x)).all()):
                break
        return x


def _ratio(u: torch.Tensor) -> torch.Tensor:
    """I1(u) / I0(u)."""
    return i1e(u) / i0e(u)

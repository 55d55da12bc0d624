"""Rayleigh speckle of unit mean: amplitudes of one look, as radar and OCT have them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from noise import guards
from noise.base import Base, Parameter
from noise.rayleigh import rayleigh_kernel

_MEAN = math.sqrt(math.pi / 2)  # of a Rayleigh variable of scale 1
#: The share z / scale of speckle that is smaller has a probability of 1e-4.
_LEAST = math.sqrt(2e-4)


@dataclass(frozen=True)
class Speckle(Base):
    """z = x n / E n, n ~ Rayleigh: mean x, standard deviation sqrt(4 / pi - 1) x = 0.523 x.

    z is Rayleigh of scale x sqrt(2 / pi). There is no parameter: so much has fully developed speckle. (No. 9 of Table 1 is
    another law, (1 + n) x with n of a small scale.)
    """

    title = "Speckle"
    formula = ("η / E η ⊙ x", "η ~ Rayleigh(1)")
    parameters: ClassVar[dict[str, Parameter]] = {}
    exponential_family = True

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return (4 / math.pi - 1) * x**2

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for every smooth f (squared grey levels)."""
        scale = x.clamp(min=1e-6) / _MEAN
        return rayleigh_kernel(z / scale) * scale**2

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels, >= 0)."""
        uniform = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        # of a uniform number of exactly 0, z would be 0, where the score is infinite
        uniform = uniform.clamp(min=torch.finfo(x.dtype).eps / 4)
        return x * torch.sqrt(-2 * torch.log1p(-uniform)) / _MEAN

    def log_density(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """log p(z | x) + constant."""
        return torch.log(z) - (_MEAN * z / x) ** 2 / 2

    def score(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """1 / z - pi z / (2 x^2)."""
        return 1 / z - _MEAN**2 * z / x**2

    def solve(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """x = z sqrt(pi / (2 (1 - s z))), with z below 0 counted as 0 and z / scale kept above its 1e-4 quantile.

        Notes
        -----
        1 - s z is (z / scale)^2, near 0 where a pixel is dark by chance: at a quantile of 1e-12, which Gamma noise is given, an
        error of the score would make x 9e5 times z.
        """
        z = guards.limited("speckle: negative amplitude", z, z.clamp(min=0))
        square = 1 - s * z
        return z * _MEAN / guards.limited("speckle: score too large", square, square.clamp(min=_LEAST**2)).sqrt()

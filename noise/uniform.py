"""Uniform noise: what rounding to coarse levels leaves, once it is dithered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from noise.base import Base, Parameter


@dataclass(frozen=True)
class Uniform(Base):
    """z = x + u, u ~ U(-half_width, half_width): mean x, standard deviation half_width / sqrt(3).

    p(z | x) is constant where it is not 0: its score tells nothing of x.

    Parameters
    ----------
    half_width : float
        Grey levels (> 0).
    """

    half_width: float

    title = "Uniform"
    formula = ("x + u", "u ~ U(-half_width, half_width)")
    parameters: ClassVar = {"half_width": Parameter(40.0)}
    signal_dependent = False

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return torch.full_like(x, self.half_width**2 / 3)

    def stein_kernel(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """t(z) with E[(z - E z) f(z) | x] = E[t(z) f'(z) | x] for every smooth f (squared grey levels)."""
        return ((self.half_width**2 - (z - x) ** 2) / 2).clamp(min=0)

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels)."""
        uniform = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return x + self.half_width * (2 * uniform - 1)

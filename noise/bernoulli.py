"""Bernoulli (pepper) noise: dead pixels. Each value is kept or erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from noise.base import Base, Parameter


@dataclass(frozen=True)
class Bernoulli(Base):
    """z = b x, b 1 with the probability `keep`, else 0: mean keep x, standard deviation sqrt(keep (1 - keep)) x.

    z takes two values, so p(z | x) has no score.

    Parameters
    ----------
    keep : float
        Share of the values (pixels x channels, each on its own) that are kept, in (0, 1).

    References
    ----------
    Moran et al., "Noisier2Noise", CVPR 2020, Section 3.3 (multiplicative Bernoulli noise).
    """

    keep: float

    title = "Bernoulli"
    formula = ("b ⊙ x", "b ~ Bernoulli(keep)")
    parameters: ClassVar = {"keep": Parameter(0.7, below=1.0)}

    @property
    def kept(self) -> float:
        return self.keep

    @property
    def mean_gain(self) -> float:
        return self.keep

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Var[z | x], in squared grey levels."""
        return self.keep * (1 - self.keep) * x**2

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """z for the clean image x (grey levels)."""
        uniform = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return torch.where(uniform < self.keep, x, 0)

"""Gaussian noise of mean 0 that is added to the image: what its bases share (Nos. 1-4, row noise)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from noise.base import Base
from noise.convolution import Convolution


@dataclass(frozen=True)
class Additive(Base):
    """Base of Gaussian noise of mean 0 that is added to x, and that A alone acts on: y = x + A n (Nos. 1-4).

    Such a base holds A itself, as a field `convolution` (None: the identity).
    """

    @property
    def additive(self) -> bool:
        return True

    @property
    def has_score(self) -> bool:
        return super().has_score and type(self).solve is not Additive.solve

    @property
    def has_kernel(self) -> bool:
        return True

    def convolved(self, convolution: Convolution | None) -> Additive:
        """The same noise with this A."""
        raise NotImplementedError

    def noise(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A draw of y - x around the image x."""
        raise NotImplementedError

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """y for the clean image x (grey levels)."""
        return x + self.noise(x, generator)

    def solve(self, y: torch.Tensor, s: torch.Tensor, iterations: int | None = None, sigma_a: float = 0.0) -> torch.Tensor:
        """x = y + (Sigma(x) + sigma_a^2) s, Sigma(x) the covariance of y given x (see `NoiseModel.solve`)."""
        raise NotImplementedError(f"{self.slug}: Eq. 7 has no solution")

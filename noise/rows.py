"""Row noise (stripes): each row of a sensor is off by a value of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from noise.additive import Additive
from noise.base import Parameter
from noise.convolution import Convolution


@dataclass(frozen=True)
class RowNoise(Additive):
    """y = x + A r, r one Gaussian number a row (and image and channel), the same at each of its pixels.

    The covariance of y given x is singular, so p(y | x) has no score.

    Parameters
    ----------
    sigma : float
        Standard deviation of r (grey levels, > 0).
    convolution : Convolution or None
        A; None is the identity.
    """

    sigma: float
    convolution: Convolution | None = None

    title = "Rows"
    parameters: ClassVar = {"sigma": Parameter(25.0)}
    independent = False
    signal_dependent = False

    @property
    def formula(self) -> tuple[str, str]:
        """y and the law in it."""
        return f"x + {'A r' if self.convolution else 'r'}", "r ~ N(0, σ²), one a row"

    def convolved(self, convolution: Convolution | None) -> RowNoise:
        """The same noise with this A."""
        return replace(self, convolution=convolution)

    def noise_gain(self, kernel: tuple[tuple[float, ...], ...]) -> float:
        """Standard deviation of A r for r of 1: a row of A sums up before r sees it."""
        return float(sum(sum(row) ** 2 for row in kernel) ** 0.5)

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Variance of r, in squared grey levels."""
        return torch.full_like(x, self.sigma**2)

    def noise(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A draw of y - x."""
        rows = torch.randn((*x.shape[:-1], 1), generator=generator, dtype=x.dtype, device=x.device)
        noise = (self.sigma * rows).expand(x.shape).contiguous()
        return noise if self.convolution is None else self.convolution.apply(noise)

"""Additive Gaussian noise, of constant or affine standard deviation (Nos. 1-4)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from noise import guards
from noise.additive import Additive
from noise.base import Parameter
from noise.convolution import Convolution

#: Grey levels; the accurate fixed point for No. 4 takes no standard deviation above that of this brightness, so that a hopeless
#: score cannot drive it to infinity. No image and no iterate of a sane score comes near.
GUARD = 1000.0


@dataclass(frozen=True)
class Gaussian(Additive):
    """y = x + A (std(x) n), n white and standard normal, std(x) = slope x + intercept (elementwise).

    Parameters
    ----------
    intercept : float
        The paper's b, or its sigma where slope is 0 (grey levels, > 0).
    slope : float
        The paper's a (dimensionless, >= 0).
    convolution : Convolution or None
        A; None is the identity.

    Notes
    -----
    The paper writes the covariance A^T diag(std)^2 A; its A is symmetric, so this is the covariance of A (std n).
    """

    intercept: float
    slope: float = 0.0
    convolution: Convolution | None = None

    title = "Gaussian"
    parameters: ClassVar = {"sigma": Parameter(25.0)}

    @classmethod
    def of(cls, **parameters: float) -> Gaussian:
        return cls(intercept=parameters["sigma"])

    @property
    def formula(self) -> tuple[str, str]:
        """y and the law in it, as they are written in Table 1."""
        noise = "A ε" if self.convolution else "ε"
        return f"x + {noise}", "ε ~ N(0, (a x + b)²)" if self.slope else "ε ~ N(0, σ²)"

    @property
    def signal_dependent(self) -> bool:
        return self.slope != 0

    @property
    def exponential_family(self) -> bool:
        """Whether p(y|x) has the paper's form of Eq. 1: where the covariance does not depend on x."""
        return self.slope == 0

    @property
    def coupled(self) -> bool:
        """Whether Eq. 7 at a pixel holds other pixels of x, too."""
        return self.convolution is not None

    def std(self, x: torch.Tensor) -> torch.Tensor:
        """Standard deviation of the white noise that A colours (grey levels, the shape of x)."""
        return self.slope * x + self.intercept if self.slope else torch.full_like(x, self.intercept)

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Variance of that noise, before A, in squared grey levels."""
        return self.std(x) ** 2

    def noise(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A draw of y - x around the image x."""
        white = normal(x, generator)
        return self._coloured(self.std(x) * white)

    def convolved(self, convolution: Convolution | None) -> Gaussian:
        """The same noise with this A."""
        return replace(self, convolution=convolution)

    def score(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """-Sigma(x)^-1 (y - x)."""
        if self.convolution is None:
            return (x - y) / self.variance(x)
        white = self.convolution.inverse(x - y) / self.variance(x)
        return self.convolution.inverse_adjoint(white)

    def solve(self, y: torch.Tensor, s: torch.Tensor, iterations: int | None = None, sigma_a: float = 0.0) -> torch.Tensor:
        """x = y + (Sigma(x) + sigma_a^2) s: Eq. 10, in closed form, or by Algorithm 2."""
        if iterations is None and self.slope:
            return self._solve_coupled(y, s, sigma_a) if self.coupled else self._solve_affine(y, s, sigma_a)
        shifted = y + sigma_a**2 * s if sigma_a else y
        x = y
        for _ in range(iterations if iterations is not None and self.slope else 1):
            x = shifted + self._covariance(x, s)
        return x

    def _covariance(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """Sigma(x) s."""
        return self._coloured(self.variance(x) * self._adjoint(s))

    def _coloured(self, white: torch.Tensor) -> torch.Tensor:
        """A of that."""
        return white if self.convolution is None else self.convolution.apply(white)

    def _adjoint(self, s: torch.Tensor) -> torch.Tensor:
        """A^T s."""
        return s if self.convolution is None else self.convolution.adjoint(s)

    def _solve_affine(self, y: torch.Tensor, s: torch.Tensor, sigma_a: float) -> torch.Tensor:
        """The root of a^2 s x^2 - (1 - 2 a b s) x + (b^2 + sigma_a^2) s + y = 0 that is y at s = 0.

        Where it meets the other root, x = 2 y + b / a without sigma_a. Beyond, Eq. 7 has no solution (about 0.1 % of
        the pixels with a poor score): s is limited to the value where they meet.
        """
        a, b = self.slope, self.intercept
        middle = a * y + b
        reach = torch.sqrt(middle**2 + sigma_a**2)
        below, above = (reach - middle).clamp(min=0), (reach + middle).clamp(min=0)  # 0 is no limit on that side
        solvable = torch.minimum(torch.maximum(s, -0.5 / a / below), 0.5 / a / above)
        s = guards.limited("affine: no solution", s, solvable)

        linear = 1 - 2 * a * b * s
        constant = (b * b + sigma_a**2) * s + y
        root = torch.sqrt((linear**2 - 4 * a * a * s * constant).clamp(min=0))
        # Two ways to write that root, each where it does not cancel: s is near 0 in the first alone.
        return torch.where(linear > 0.5, 2 * constant / (linear + root), (linear - root) / (2 * a * a * s))

    def _solve_coupled(self, y: torch.Tensor, s: torch.Tensor, sigma_a: float) -> torch.Tensor:
        """Algorithm 2 run until it stands still, x <- y + sigma_a^2 s + A (std(x)^2 w) with w = A^T s.

        Where w > 0 and std > 1 / (2 a w) the map's slope is above 1 and an iterate runs away from the root; std is limited to
        that value, and to >= 0. Of the exact w = -n / std this concerns n < -1 / (2 a) alone (-5.1 for the paper's a), as in
        `_solve_affine`. (With a poor score, dark pixels that ran away made up to two fifths of an image's squared error.)
        """
        tolerance = 1e-11 if y.dtype == torch.float64 else 1e-4
        shifted = y + sigma_a**2 * s
        white = self._adjoint(s)
        largest = torch.where(white > 0, 0.5 / (self.slope * white), torch.inf).clamp(max=self.slope * GUARD + self.intercept)
        x = y
        for _ in range(300):
            free = self.std(x)
            noise = free.clamp(min=0).minimum(largest) ** 2 * white
            previous, x = x, shifted + self._coloured(noise)
            if (x - previous).abs().max() < tolerance:
                break
        guards.note("affine: not converged", lambda: (x - previous).abs() >= tolerance)
        guards.note("affine: no solution", lambda: (free < 0) | (free > largest))
        return x


@dataclass(frozen=True)
class SharpenedGaussian(Gaussian):
    """y = x + std(B x) n: No. 4 seen through A^-1, x being the sharpened image A^-1 x of there, and B = A.

    Given x the pixels of y are independent, but the standard deviation of one depends on others of x.

    Parameters
    ----------
    blur : Convolution
        B.
    """

    blur: Convolution = field(default_factory=Convolution)

    @property
    def coupled(self) -> bool:
        return True

    def std(self, x: torch.Tensor) -> torch.Tensor:
        """Standard deviation of the noise (grey levels, the shape of x)."""
        return super().std(self.blur.apply(x))


def normal(like: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Standard normal numbers, with the shape, dtype and device of `like`."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)

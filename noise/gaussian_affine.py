"""Additive Gaussian noise whose standard deviation is affine in x (Nos. 3 and 4), by its own name and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from noise.base import Parameter
from noise.gaussian import Gaussian


@dataclass(frozen=True)
class GaussianAffine(Gaussian):
    """A name for `Gaussian` with a slope, which `of` gives.

    Notes
    -----
    The paper prints a = 0.98, b = 25. That is a misprint: the released configuration has slope 25 / 255 = 0.098 and
    intercept 25, and with 0.98 the published scores would be impossible (noisy input at 5 dB).
    """

    title = "Affine Gaussian"
    parameters: ClassVar = {"a": Parameter(25 / 255, or_equal=True), "b": Parameter(25.0)}

    @classmethod
    def of(cls, **parameters: float) -> Gaussian:
        return Gaussian(intercept=parameters["b"], slope=parameters["a"])

"""Laws of noise: a base, a kernel, added Gaussian noise, with the parameters that a fitted curve gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.estimation.blocks import Means
from bench.estimation.curves import Fit, View, fit, huber
from bench.estimation.kernels import Array, kernel

#: The curve of each base.
BASES = {"gaussian": "constant", "gaussian-affine": "affine", "poisson": "linear", "gamma": "square", "rayleigh": "square"}
#: Curves, and whether Gaussian noise is added to them.
_CURVES = [
    (curve, added)
    for curve in dict.fromkeys(BASES.values())
    for added in (False, True)
    if curve in ("linear", "square") or not added
]
#: Smallest shape that the suite's Gamma noise is told to have: its density at 0 has no score from 1 down.
LEAST_SHAPE = 1.01
#: Skewness of a Rayleigh law, at every scale.
RAYLEIGH_SKEW = 2 * math.sqrt(math.pi) * (math.pi - 3) / (4 - math.pi) ** 1.5

#: Parts that are too small to be called part of the law: shares of the variance, and growth of the standard deviation over the
#: brightness in the image. A clean image's own grain is as large.
LEAST_SHARE, LEAST_GROWTH = 0.04, 1.15
#: What a parameter must gain, in the units of `Law.misfit`.
PRICE = 5.0
#: Third moments: relative error laid on the model, error in shares of sd^3, and where Huber's loss begins.
_RELATIVE, _ABSOLUTE, _LIMIT = 0.1, 0.03, 2.0


@dataclass(frozen=True)
class Law:
    """A law with its parameters.

    Parameters
    ----------
    base : str
        Of `BASES`.
    fit : Fit
        The curve, kernel and added variance.
    added : bool
        Gaussian noise is added after the kernel.
    misfit : float
        How badly curve, spectrum and skewness fit, with `PRICE` for each parameter; less is better.
    """

    base: str
    fit: Fit
    added: bool
    misfit: float

    @property
    def family(self) -> str:
        """Base, kernel and added noise without parameters: "poisson-conv+gaussian"; "-gauss" for a kernel not the paper's."""
        name = self.fit.kernel
        told = "" if name == "" else "-conv" if name == "A" else "-gauss"
        return self.base + told + "+gaussian" * self.added

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by their names in expressions (`added` for the sigma of added noise)."""
        found = self.fit.coefficients
        if self.base == "gaussian":
            own = {"sigma": math.sqrt(found[0])}
        elif self.base == "gaussian-affine":
            own = {"a": float(found[0]), "b": float(found[1])}
        elif self.base == "poisson":
            own = {"lam": 1 / found[0]}
        elif self.base == "gamma":
            own = {"alpha": max(1 / found[0], LEAST_SHAPE)}
        else:
            own = {"scale": _rayleigh_scale(math.sqrt(found[0]))}
        return own | ({"added": math.sqrt(self.fit.added)} if self.added else {})

    @property
    def expression(self) -> str:
        """As `--noise` takes it: "poisson(lam=0.21)-conv+gaussian(sigma=9.8)"."""
        own = {name: _short(value) for name, value in self.parameters.items() if name != "added"}
        if isinstance(self.fit.kernel, float):
            own["conv"] = f"gauss({_short(self.fit.kernel)})"
        inside = ",".join(f"{name}={value}" for name, value in sorted(own.items()))
        told = f"{self.base}({inside})" + "-conv" * (self.fit.kernel == "A")
        return told + (f"+gaussian(sigma={_short(math.sqrt(self.fit.added))})" if self.added else "")

    def lag_one(self, brightness: Array, weights: Array) -> float:
        """Correlation of horizontal neighbours, on average over the brightness."""
        values = kernel(self.fit.kernel).values
        together = float((values[:, 1:] * values[:, :-1]).sum())
        variance = np.average(self.fit.variance(brightness), weights=weights)
        return float(variance * together / np.average(self.fit.pixel(brightness), weights=weights))

    def skewness(self, brightness: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Of the noise before the kernel, by mean brightness."""
        sd, mean = np.sqrt(self._variance(brightness)), np.maximum(brightness, 0.004 * np.max(brightness))
        if self.base.startswith("gaussian"):
            return 0 * sd
        if self.base == "rayleigh":
            return RAYLEIGH_SKEW + 0 * sd
        return (2 if self.base == "gamma" else 1) * sd / mean

    def third(self, brightness: Array) -> Array:
        """Third moment of a block's fast part (grey levels cubed)."""
        return self.skewness(brightness) * self._variance(brightness) ** 1.5 * kernel(self.fit.kernel).third

    def _variance(self, brightness: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Of the noise before the kernel, by mean brightness: 0 where noise has made the mean of a bin negative."""
        return np.maximum(self.fit.variance(brightness), 0.0)


def _rayleigh_scale(ratio: float) -> float:
    """The scale s of y = x (1 + n), by sd / mean = s k / (1 + s sqrt(pi / 2)), k^2 = 2 - pi / 2: below 0.523 for all s."""
    k = math.sqrt(2 - math.pi / 2)
    return ratio / max(k - ratio * math.sqrt(math.pi / 2), 1e-3)


def _short(value: float) -> str:
    """Three digits, without an exponent where it can be."""
    return f"{float(f'{value:.3g}'):g}"


def candidates(view: View, names: list[str | float]) -> list[Law]:
    """All laws with these kernels that are worth naming, the best first."""
    fits = {(name, curve, added): fit(view, curve, name, added) for name in names for curve, added in _CURVES}
    found = []
    for (_, curve, added), fitted in fits.items():
        laws = [law_of(view, base, fitted, added) for base in BASES if BASES[base] == curve]
        found += [law for law in laws if law is not None]
    return sorted(found, key=lambda law: law.misfit)


def refitted(view: View, law: Law) -> Law | None:
    """The same family and kernel on other moments; None where it is no law there."""
    return law_of(view, law.base, fit(view, BASES[law.base], law.fit.kernel, law.added), law.added)


def law_of(view: View, base: str, fitted: Fit, added: bool) -> Law | None:
    """The law that the base and curve make; None where a part of it is too small to be one, or no law of that base has it."""
    low, high = float(view.means.brightness.min()), float(view.means.brightness.max())
    if not fitted.coefficients.any() or (base == "gamma" and fitted.coefficients[0] >= 1):
        return None
    if base == "rayleigh" and fitted.coefficients[0] >= 0.27:
        return None
    if base == "gaussian-affine":
        a, b = fitted.coefficients
        if (a * high + b) / max(a * max(low, 0) + b, 1e-9) < LEAST_GROWTH:
            return None
    if added:
        pixels = np.average(fitted.pixel(view.means.brightness), weights=view.means.count)
        if not LEAST_SHARE < fitted.added / pixels < 1 - LEAST_SHARE:
            return None
    count = len(fitted.coefficients) + added + (0 if fitted.kernel == "" else 1 if fitted.kernel == "A" else 2)
    law = Law(base, fitted, added, 0.0)
    return Law(base, fitted, added, fitted.misfit + _skew_misfit(view.means, law) + PRICE * count)


def _skew_misfit(means: Means, law: Law) -> float:
    expected = law.third(means.brightness)
    cube = np.maximum(law.fit.pixel(means.brightness), 1e-12) ** 1.5
    error = np.sqrt(means.third_error**2 + (_RELATIVE * expected) ** 2 + (_ABSOLUTE * cube) ** 2)
    return float(huber(np.abs(means.third - expected) / error, _LIMIT).sum())

"""Curves of variance against brightness, seen through a kernel, and their fit to the moments of blocks.

The mean squared DCT coefficient of class k at brightness m is g_k v(m) + s^2: g the gains of the kernel, v the variance of the
noise before it, s^2 that of white noise added after it. Where one channel alone is there, texture adds t(m) (u^2 + v^2)^-1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy  # its submodules are imported when they are used: `optimize` takes time

from bench.estimation.blocks import Means
from bench.estimation.kernels import TEXTURE, Array, kernel

#: The powers of brightness in v(m) of each curve; "affine" is (a m + b)^2 beside them.
CURVES = {"constant": (0,), "linear": (1,), "square": (2,), "any": (0, 1, 2)}

#: Relative error of a variance that is laid on the model, not on chance: structure that is left, laws that hold nearly.
TOLERANCE = 0.05
#: Bins of brightness this many standard errors away count no longer by the square (Huber).
LIMIT = 1.5
#: Rounds of reweighting, at most, and the relative change of all coefficients below which there is no other.
_ROUNDS, _STILL = 8, 1e-3


@dataclass(frozen=True)
class Fit:
    """A curve fitted to moments.

    Parameters
    ----------
    curve : str
        Of `CURVES`, or "affine".
    kernel : str or float
        Its name.
    coefficients : ndarray
        Of the powers of brightness; (a, b) of "affine".
    added : float
        Variance of the white noise added after the kernel.
    misfit : float
        Sum of squared relative residuals over their variance, robust, a bin of brightness counted as one class of frequencies.
    """

    curve: str
    kernel: str | float
    coefficients: Array
    added: float
    misfit: float

    def variance(self, brightness: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """v(m), the variance before the kernel (squared grey levels)."""
        if self.curve == "affine":
            a, b = self.coefficients
            return (a * brightness + b) ** 2
        return sum((c * brightness**p for c, p in zip(self.coefficients, CURVES[self.curve], strict=True)), 0 * brightness)

    def pixel(self, brightness: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Variance of a pixel at the brightness (squared grey levels)."""
        return self.variance(brightness) * kernel(self.kernel).gain + self.added


@dataclass(frozen=True)
class View:
    """What of the moments is fitted.

    Parameters
    ----------
    means : Means
    classes : ndarray of bool
        The frequencies.
    texture : bool
        Allow each bin a texture.
    """

    means: Means
    classes: npt.NDArray[np.bool_]
    texture: bool

    @cached_property
    def power(self) -> Array:
        """(bins, classes)."""
        return self.means.power[:, self.classes]

    @cached_property
    def shape(self) -> Array:
        """How texture falls with frequency, (classes,)."""
        return TEXTURE[self.classes]

    @cached_property
    def precision(self) -> Array:
        """One over the variance of a relative residual, (bins, classes)."""
        return 1 / (2 / self.means.samples[:, self.classes] + TOLERANCE**2)


def fit(view: View, curve: str, name: str | float, added: bool) -> Fit:
    """The curve of that kind and kernel that fits best, with white noise added to it or not."""
    if curve == "affine":
        return _fit_affine(view, name)
    gains, bright = kernel(name).gains[view.classes], view.means.brightness[:, None]
    columns = [gains * bright**power for power in CURVES[curve]] + [np.ones_like(view.power)] * added
    stack = np.stack(columns, -1)
    expected = np.maximum(view.power, 0.05 * np.median(view.power) + 1e-9)
    found, weight = np.zeros(len(columns)), np.ones(len(bright))
    for _ in range(_ROUNDS):
        precision, before = view.precision / expected**2 * weight[:, None], found
        found = _solved(view, stack, view.power, precision, _textured(view, view.power - stack @ found, precision) > 0)
        plain = stack @ found
        expected = _floored(plain + _outer(_textured(view, view.power - plain, precision), view))
        weight = np.minimum(1, LIMIT / np.maximum(_distances(view, expected), 1e-9))
        if (np.abs(found - before) <= _STILL * found).all():
            break
    return Fit(curve, name, found[: len(found) - added], float(found[-1]) if added else 0.0, _misfit(view, expected))


def _fit_affine(view: View, name: str | float) -> Fit:
    """sd a m + b, by Gauss-Newton from the free curve's."""
    gains, bright = kernel(name).gains[view.classes], view.means.brightness
    start = fit(view, "any", name, False).variance(bright)
    a, b = np.polyfit(bright, np.sqrt(start), 1) if len(bright) > 1 else (0.0, np.sqrt(start[0]))
    weight, expected, texture = np.ones(len(bright)), view.power, np.zeros(len(bright))
    for _ in range(2 * _ROUNDS):
        a, b = max(a, 0.0), max(b, 1e-3)
        sd = a * bright + b
        plain = gains * (sd**2)[:, None]
        rough = view.precision / _floored(plain + _outer(texture, view)) ** 2 * weight[:, None]
        texture = _textured(view, view.power - plain, rough)
        expected = _floored(plain + _outer(texture, view))
        weight = np.minimum(1, LIMIT / np.maximum(_distances(view, expected), 1e-9))
        slopes = np.stack([gains * (2 * sd * bright)[:, None], gains * (2 * sd)[:, None]], -1)
        # the linear form at (a, b), solved for (a, b) themselves
        target = view.power - plain + slopes @ np.array([a, b])
        before = np.array([a, b])
        a, b = _solved(view, slopes, target, view.precision / expected**2 * weight[:, None], texture > 0)
        if (np.abs(before - (a, b)) <= _STILL * before).all():
            break
    a, b = max(a, 0.0), max(b, 1e-3)
    return Fit("affine", name, np.array([a, b]), 0.0, _misfit(view, expected))


def _solved(view: View, columns: Array, target: Array, precision: Array, textured: npt.NDArray[np.bool_]) -> Array:
    """Coefficients >= 0 of the weighted least squares, the texture of bins that have some projected out."""
    root = np.sqrt(precision)
    x, y = columns * root[..., None], target * root
    if textured.any():
        shape = root * view.shape * textured[:, None]
        shape /= np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-30)
        x = x - shape[..., None] * np.einsum("jk,jkp->jp", shape, x)[:, None]
        y = y - shape * (shape * y).sum(1, keepdims=True)
    size = np.linalg.norm(x, axis=(0, 1)) + 1e-30
    # least squares by the triangle of QR: nnls then sees as many rows as columns
    q, r = np.linalg.qr((x / size).reshape(-1, x.shape[-1]))
    return scipy.optimize.nnls(r, q.T @ y.ravel())[0] / size


def _textured(view: View, rest: Array, precision: Array) -> Array:
    """How much texture each bin has, by what the noise leaves, (bins,)."""
    if not view.texture:
        return np.zeros(len(rest))
    return np.maximum((precision * rest) @ view.shape / (precision @ view.shape**2), 0)


def _outer(texture: Array, view: View) -> Array:
    return np.outer(texture, view.shape)


def _floored(expected: Array) -> Array:
    return np.maximum(expected, 1e-3 * expected.mean() + 1e-9)


def _distances(view: View, expected: Array) -> Array:
    """Root mean square over frequencies of the residuals over their standard errors, (bins,)."""
    return np.sqrt(((view.power / expected - 1) ** 2 * view.precision).mean(1))


def _misfit(view: View, expected: Array) -> float:
    # residuals of one bin share what is wrong with it: a quarter of the classes at most are worth counting
    return view.power.shape[1] / 4 * float(huber(_distances(view, expected), LIMIT).sum())


def huber(distance: Array, limit: float) -> Array:
    """The square up to the limit, then its tangent."""
    return np.where(distance < limit, distance**2, 2 * limit * distance - limit**2)

"""Denoisers of white Gaussian noise on any noise of known law: stabilise its variance, denoise, invert without bias.

Makitalo, Foi, "Optimal Inversion of the Anscombe Transformation in Low-Count Poisson Image Denoising", IEEE Trans. Image
Process. 20(1), 2011, and "Optimal Inversion of the Generalized Anscombe Transformation for Poisson-Gaussian Noise", 22(1),
2013: the inverse maps E[f(y) | x] to x, so that an average of transformed pixels comes back without bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional as F

from methods._api import Applicability, Method, Network
from noise import NoiseModel

#: Maps noisy images (N, C, H, W) and the standard deviation of their white Gaussian noise to denoised ones.
GaussianDenoiser = Callable[[torch.Tensor, float], torch.Tensor]

#: The noise that the paper's A correlates is independent from so many pixels on.
STRIDE = 3

_BRIGHTEST = 1020.0  # grey levels: the inverse reaches four times as far as images do
_LEVELS, _SIDE, _DENSE = 48, 192, 4096  # brightnesses that are sampled, the side of their flat images, entries of the inverse
_ERROR = 0.1  # `error` of `deblurred`: of 0.03, 0.1, 0.2, 0.3 the best or next to it on training photographs
_SMALLEST = 32  # pixels: what denoisers with windows and levels can be given


@dataclass(frozen=True, eq=False)
class Curve:
    """f where the variance is no polynomial of the mean (Rician noise): by its values f at these means, ascending."""

    means: torch.Tensor
    values: torch.Tensor
    slopes: tuple[float, float]  # beyond the first and the last


@dataclass(frozen=True)
class Stabiliser:
    """f with Var f(y) nearly constant, and the exact unbiased inverse; made by `stabiliser`.

    f is the integral of 1 / sd, sd^2 = c0 + c1 m + c2 m^2 the variance where the mean of y is m: Anscombe's root where c2 is 0,
    generalised where c0 is not; otherwise the inverse hyperbolic sine, which is the logarithm where sd is proportional to m
    (Gamma and Rayleigh noise) or affine (No. 3), levelled off below one grey level of sd, so that it is finite for every y.

    Parameters
    ----------
    coefficients : (float, float, float) or Curve
        c0, c1, c2, in grey levels^2, grey levels, 1.
    x : Tensor
        Clean grey levels, ascending, (K,) float64.
    means : Tensor
        E[f(y) | x], (K,) float64.
    sigma : float
        Standard deviation of f(y), root of the mean square over x in [0, 255].
    """

    coefficients: tuple[float, float, float] | Curve
    x: torch.Tensor
    means: torch.Tensor
    sigma: float

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """f(y), of order 1 per standard deviation of the noise."""
        return _transformed(y, self.coefficients)

    def backward(self, z: torch.Tensor) -> torch.Tensor:
        """The x with E[f(y) | x] = z, in [0, 1020] grey levels."""
        return _interpolated(z, self.means, self.x)


@lru_cache(maxsize=64)
def stabiliser(model: NoiseModel) -> Stabiliser:
    """The stabiliser of a noise model whose variance depends on x.

    Notes
    -----
    E[f(y) | x] is not integrated law by law, but sampled from the noise model on flat images, 37 thousand pixels at each of 48
    brightnesses, always the same, with y - E[y | x] as a control variate: right to 0.1 % of x and 0.05 grey levels, for
    convolved noise and mixtures too.
    """
    coefficients = _variance(model) if model.traits.proportional else _curve(model)
    levels = _BRIGHTEST * torch.linspace(0, 1, _LEVELS, dtype=torch.float64) ** 2
    flat = levels.float()[:, None, None, None].expand(-1, 1, _SIDE, _SIDE).contiguous()
    y = model.sample(flat, torch.Generator().manual_seed(0)).double().flatten(1)
    z, deviation = _transformed(y, coefficients), y - model.mean(levels[:, None])
    centred = z - z.mean(dim=1, keepdim=True)
    slope = (centred * deviation).sum(dim=1) / deviation.square().sum(dim=1).clamp(min=1e-9)
    bias = z.mean(dim=1) - slope * deviation.mean(dim=1) - _transformed(model.mean(levels), coefficients)
    x = _BRIGHTEST * torch.linspace(0, 1, _DENSE, dtype=torch.float64) ** 2
    means = _transformed(model.mean(x), coefficients) + _interpolated(x, levels, bias)
    variance = _interpolated(torch.arange(256, dtype=torch.float64), levels, centred.square().mean(dim=1))
    return Stabiliser(coefficients, x, means.cummax(dim=0).values, float(variance.mean().sqrt()))


def with_known_law(denoise: GaussianDenoiser, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
    """The clean image of y by a denoiser for white Gaussian noise of one level.

    Additive noise that A correlates (No. 4) is taken apart: the nine sub-images at stride 3, each of independent noise, are
    denoised and put back. In the mixtures with A (Nos. 12, 14, 16), where much of the noise is the white one added last, it is
    taken for white at its own level, and A undone after it (`deblurred`).

    Parameters
    ----------
    denoise : callable
        Maps (N, C, H, W) images and the standard deviation of their noise to denoised ones.
    y : Tensor
        (N, C, H, W) noisy images, grey levels.
    model : NoiseModel
        Its law.
    """
    if model.convolution is None or not model.traits.additive:
        return deblurred(_white(denoise, y, model), model, _ERROR)
    result = torch.empty_like(y)
    for row in range(STRIDE):
        for column in range(STRIDE):
            part = y[..., row::STRIDE, column::STRIDE]
            result[..., row::STRIDE, column::STRIDE] = _white(denoise, part, model)
    return result


def deblurred(image: torch.Tensor, model: NoiseModel, error: float) -> torch.Tensor:
    """The clean image of an estimate of A x (..., H, W), by Wiener's filter; as it is where A is in the noise alone, or
    nowhere.

    Parameters
    ----------
    error : float
        Variance of the estimate's error, taken for white, in units of the variance of x: the filter stays away from A^-1 where
        A passes little. It passes brightness as it is.
    """
    if model.convolution is None or model.traits.additive:
        return image
    power = torch.ones(1, 1, dtype=image.dtype, device=image.device)
    return model.convolution.wiener(image, power, error) * (1 + error)


def on_arrays(function: Callable[[np.ndarray], np.ndarray], y: torch.Tensor) -> torch.Tensor:
    """A function of float32 arrays (H, W, C) on each image of y (N, C, H, W), as a tensor like y."""
    arrays = [np.ascontiguousarray(image.permute(1, 2, 0).float().cpu().numpy()) for image in y]
    images = [np.asarray(function(array)).reshape(array.shape) for array in arrays]  # some leave a single channel out
    return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images]).to(y)


@dataclass(frozen=True)
class GaussianMethod(Method):
    """Base of methods for white Gaussian noise of one level, which are run on any noise of known law, by `with_known_law`.

    Noise that is not Gaussian of one level is stabilised first, and brought back by the exact unbiased inverse. Noise that A
    correlates is white in A^-1 y where that is offered and can be stabilised (Nos. 2, 6, 8, 10), and at stride 3 on No. 4.

    Notes
    -----
    Measured on four training photographs (BM3D: two), in dB, in the order of total variation, wavelets, non-local means, BM3D:

    - No. 2: A^-1 y 29.1, 30.0, 29.7, 32.1; stride 3: 28.3, 29.6, 28.7, 31.1.
    - No. 4: stride 3: 26.3, 27.0, 26.5, 28.1; taken for white: 26.7, 26.4, 28.2, 27.1.
    - No. 12: taken for white, A undone: 26.1, 26.0, 27.4, 26.1; A left: 26.0, 26.2, 27.0, 25.3; stride 3: 24.9, 25.7, 25.7,
      25.1; A^-1 y: 25.3, 24.1, 24.8, not measured.
    """

    assumptions = "noise of known law, independent in A^-1 y or at stride 3"
    knows = ("law",)

    def applicable(self, model: NoiseModel) -> Applicability:
        traits = model.traits
        if not traits.base_independent:
            return Applicability("infeasible", "the noise is correlated, and not by A: taken for white")
        if traits.erasing:
            return Applicability(
                "infeasible", "erased values are like no Gaussian noise, however stabilised: denoised all the same"
            )
        if self.wants_decorrelated(model):
            return Applicability("indirect", "the noise of A^-1 y is independent, its law known: stabilised to one level")
        if traits.convolved and not traits.additive:
            both = "A and the added noise leave" if traits.gaussian else "A leaves"
            return Applicability("infeasible", f"{both} it correlated: taken for white, A undone after it")
        if model.convolution is not None and max(map(len, (model.convolution.kernel, *model.convolution.kernel))) > STRIDE:
            return Applicability("infeasible", "A reaches so far that it is correlated at stride 3, too: taken for white there")
        if traits.convolved:
            return Applicability("yes", "at stride 3 the noise is independent, its law known: stabilised to one level")
        if traits.signal_dependent:
            return Applicability("yes", "the noise is independent, its law known: stabilised to one level")
        if not traits.additive:
            return Applicability("yes", "the noise is independent, of known level: taken for Gaussian")
        return Applicability("yes", "the noise is independent and Gaussian of known level")

    def wants_decorrelated(self, model: NoiseModel) -> bool:
        seen = model.decorrelated()
        return seen is not None and (seen.same_image or not seen.model.traits.signal_dependent)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return with_known_law(self.gaussian, y, model)

    def gaussian(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        """Images (N, C, H, W) with white Gaussian noise of this standard deviation, denoised."""
        raise NotImplementedError


def _white(denoise: GaussianDenoiser, y: torch.Tensor, model: NoiseModel) -> torch.Tensor:
    """The clean image of y, or A x, its noise taken for white."""
    height, width = y.shape[-2:]
    down, right = max(0, _SMALLEST - height), max(0, _SMALLEST - width)
    y = F.pad(y, [0, right, 0, down], mode="replicate") if down or right else y
    if not model.traits.signal_dependent:
        denoised = denoise(y, float(model.std(torch.zeros(1))))
    else:
        found = stabiliser(model)
        denoised = found.backward(denoise(found.forward(y), found.sigma))
    return denoised[..., :height, :width]


def _variance(model: NoiseModel) -> tuple[float, float, float]:
    """Coefficients of Var[y | x] as a polynomial of E[y | x], which it is for every model: from three of its values."""
    first, middle, last = (float(model.std(torch.tensor(x, dtype=torch.float64))) ** 2 for x in (0.0, 100.0, 200.0))
    square = (last - 2 * middle + first) / 2e4
    linear = (middle - first) / 100 - 100 * square
    gain = model.mean_gain
    if square < 1e-9:
        return first, linear / gain, 0.0
    return first + 1, linear / gain, square / gain**2  # "+ 1": levelled off below one grey level


def _curve(model: NoiseModel) -> Curve:
    """f by the trapezoidal rule."""
    x = _BRIGHTEST * torch.linspace(0, 1, _DENSE, dtype=torch.float64) ** 2
    means, rates = model.mean(x), 1 / model.std(x)
    values = torch.cumulative_trapezoid(rates, means)
    return Curve(means, torch.cat([values.new_zeros(1), values]), (float(rates[0]), float(rates[-1])))


def _transformed(y: torch.Tensor, coefficients: tuple[float, float, float] | Curve) -> torch.Tensor:
    if isinstance(coefficients, Curve):
        first, last = coefficients.slopes
        below, above = (y - float(coefficients.means[0])).clamp(max=0), (y - float(coefficients.means[-1])).clamp(min=0)
        return _interpolated(y, coefficients.means, coefficients.values) + first * below + last * above
    c0, c1, c2 = coefficients
    if c2 == 0:
        return 2 / c1 * (c1 * y + c0 + 0.375 * c1 * c1).clamp(min=0).sqrt()
    return torch.asinh((2 * c2 * y + c1) / (4 * c2 * c0 - c1 * c1) ** 0.5) / c2**0.5


def _interpolated(at: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """y at these x, linear between the given ones (ascending), constant beyond them; of the dtype of `at`."""
    x, y, where = x.to(at.device), y.to(at.device), at.double().contiguous()
    right = torch.searchsorted(x, where).clamp(1, len(x) - 1)
    share = ((where - x[right - 1]) / (x[right] - x[right - 1]).clamp(min=1e-12)).clamp(0, 1)
    return torch.lerp(y[right - 1], y[right], share).to(at.dtype)

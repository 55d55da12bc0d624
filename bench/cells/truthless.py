"""Scores of a denoised image without a clean one: from a further shot, and from what was taken away.

Marcos Morales et al., "Evaluating Unsupervised Denoising Requires Unsupervised Metrics", ICML 2023,
https://arxiv.org/abs/2210.05553 (uMSE).
"""

from __future__ import annotations

import math

import torch

from bench.plan.scores import TRUTHLESS

#: Side of the blocks of whose means the standard error of uMSE is that of the mean (pixels): blocks count as independent.
BLOCK = 16


def score_truthless(denoised: torch.Tensor, noisy: torch.Tensor, second: torch.Tensor | None) -> dict[str, float]:
    """All of `TRUTHLESS` that can be had, of one image of measured noise.

    Parameters
    ----------
    denoised, noisy, second : Tensor
        (C, H, W) grey levels, not clipped; `second` is a shot that neither the network nor `denoised` has seen.

    Returns
    -------
    dict
        umse, umse_error: `unbiased_mse`; frc: `ring_correlation` of the result with the second shot. Only with one.
        lag_rows, lag_columns: `whiteness` of noisy - denoised.
        nan where the denoised image has a value that is not finite.
    """
    wanted = TRUTHLESS if second is not None else TRUTHLESS[-2:]
    if not bool(denoised.isfinite().all()):
        return dict.fromkeys(wanted, math.nan)
    denoised, noisy = denoised.cpu().double(), noisy.cpu().double()
    found: list[float] = [*whiteness(noisy - denoised)]
    if second is not None:
        second = second.cpu().double()
        found = [*unbiased_mse(denoised, noisy, second), ring_correlation(denoised, second), *found]
    return dict(zip(wanted, found, strict=True))


def unbiased_mse(denoised: torch.Tensor, noisy: torch.Tensor, second: torch.Tensor) -> tuple[float, float]:
    """An estimate of the mean of (f(y) - x)^2 without x, in squared grey levels, and its standard error.

    mean((a - f(y))^2 - (y - a)^2 / 2), a a second shot of the law of y, independent of it given x. Both parts hold the variance
    of a. What is left is unbiased, and so may be negative where the error is small: it is told as it is.

    Notes
    -----
    The paper takes the variance from two more shots; of one law, y and a themselves will do. The standard error is that of the
    mean of blocks of `BLOCK` x `BLOCK` pixels, all channels, as pixels are not independent: noise and errors are correlated.
    nan where there is one block alone.
    """
    each = ((second - denoised).square() - (noisy - second).square() / 2).mean(dim=0, keepdim=True)
    height, width = (size // BLOCK * BLOCK for size in each.shape[-2:])
    blocks = torch.nn.functional.avg_pool2d(each[:, :height, :width], BLOCK) if height and width else each[:, :0]
    error = float(blocks.std()) / math.sqrt(blocks.numel()) if blocks.numel() > 1 else math.nan
    return float(each.mean()), error


def ring_correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean over all rings of the Fourier ring correlation of two images, in [-1, 1].

    Rings are one frequency of the shorter side wide, from the first to the Nyquist frequency, and weigh alike. With a shot
    whose noise is independent it is the higher, the more of the image there is in the result; what filters all of a ring
    alike, such as a blur, leaves it as it is. The images are windowed (Hann), so that their edges do not count.

    References
    ----------
    Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy", Nature Methods 10, 2013.
    """
    height, width = one.shape[-2:]
    window = _hann(height)[:, None] * _hann(width)
    spectra = [torch.fft.rfft2((image - image.mean(dim=(-2, -1), keepdim=True)) * window) for image in (one, other)]
    down, across = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    rings = ((down[:, None].square() + across.square()).sqrt() * min(height, width)).round().long()
    last = min(height, width) // 2

    def summed(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(int(rings.max()) + 1, dtype=torch.float64).index_add(0, rings.flatten(), values.sum(dim=0).flatten())

    cross = summed((spectra[0] * spectra[1].conj()).real)
    power = [summed(spectrum.abs().square()) for spectrum in spectra]
    correlation = cross / (power[0] * power[1]).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    return float(correlation[1 : last + 1].mean())


def _hann(size: int) -> torch.Tensor:
    return torch.hann_window(size, periodic=False, dtype=torch.float64)


def whiteness(residual: torch.Tensor) -> tuple[float, float]:
    """Autocorrelation of a residual between neighbours, one above the other and side by side, the mean over the channels.

    0 of white noise, and of nothing. Image that was taken away with the noise makes it positive; so does noise that is
    correlated itself.
    """
    centred = residual - residual.mean(dim=(-2, -1), keepdim=True)
    variance = centred.square().mean(dim=(-2, -1)).clamp(min=torch.finfo(centred.dtype).tiny)
    below = (centred[:, 1:] * centred[:, :-1]).mean(dim=(-2, -1)) / variance
    beside = (centred[..., 1:] * centred[..., :-1]).mean(dim=(-2, -1)) / variance
    return float(below.mean()), float(beside.mean())

"""PSNR and SSIM under the two protocols, of the same denoised image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import correlate1d, uniform_filter1d

from bench.plan.scores import METRICS, MOST_DECIBELS, PAPER_MULTIPLE

Floats = npt.NDArray[np.float64]

#: Rows of the strips in which an image is scored, which caches hold.
_ROWS = 16

#: The Gaussian window along one side.
_WEIGHTS = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_WEIGHTS /= _WEIGHTS.sum()

#: A clean image without a value of at least this is black (as in video), and its maximum no peak to go by (grey levels).
_BLACK = 16.0


def score(denoised: torch.Tensor, clean: torch.Tensor) -> dict[str, float]:
    """All metrics of one image.

    Parameters
    ----------
    denoised, clean : Tensor
        (C, H, W) grey levels, at least 11 pixels a side; `denoised` of any range, `clean` in [0, 255].

    Returns
    -------
    dict
        psnr (dB) and ssim: the standard protocol. Clipped to [0, 255] and rounded to 8 bits; peak 255; SSIM with a Gaussian
        window of 11x11, sigma 1.5, mean over the channels (`ssim`); the whole image.
        psnr_paper (dB) and ssim_paper: the metric of the paper's released code. Truncated to 8 bits; the centre cut to
        multiples of 32; peak the largest clean value, or 255 of a black image (no value of 16 or more); SSIM with a uniform
        window of 7x7 and the sample covariance.
        Images of more than 8 bits, whose clean values are no whole numbers, are only clipped: rounding to grey levels would
        cost them what they have more.
        A PSNR is at most `MOST_DECIBELS`, which is that of an exact result.
        All are nan where the denoised image has a value that is not finite, and the paper's two where a side is under 32.
    """
    if not bool(denoised.isfinite().all()):
        return dict.fromkeys(METRICS, math.nan)
    clean, clipped = clean.cpu(), denoised.cpu().clamp(0, 255)
    whole = is_whole(clean)
    rounded = clipped.round() if whole else clipped
    standard = {"psnr": psnr(rounded, clean, 255.0), "ssim": ssim(rounded, clean)}
    return standard | _score_paper(clipped.floor() if whole else clipped, clean)


def as_stored(denoised: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """What the standard protocol scores: clipped to [0, 255], and of 8 bits where the clean image is."""
    clipped = denoised.clamp(0, 255)
    return clipped.round() if is_whole(clean) else clipped


def is_whole(clean: torch.Tensor) -> bool:
    """Whether a clean image has 8 bits: whole grey levels alone."""
    return bool((clean == clean.round()).all())


def psnr(estimate: torch.Tensor, clean: torch.Tensor, peak: float) -> float:
    """Peak signal-to-noise ratio of one (C, H, W) image over all its pixels and channels.

    In dB, at most `MOST_DECIBELS`, also where the two are equal; nan where a value is not finite.
    """
    squares = sum(float((one.double() - other.double()).square().sum()) for one, other in _strips(estimate, clean))
    if not math.isfinite(squares):
        return math.nan
    return min(MOST_DECIBELS, 10 * math.log10(peak**2 * clean.numel() / squares)) if squares else MOST_DECIBELS


def ssim(estimate: torch.Tensor, clean: torch.Tensor) -> float:
    """Structural similarity of one image, (C, H, W), at least 11 pixels a side, peak 255, as Wang et al. (2004) define it.

    A Gaussian window of 11x11 and sigma 1.5; the mean over the channels and over the windows that lie inside the image.

    Notes
    -----
    torchmetrics from 1.4.2 on also counts windows that its padding fills (its pull request 2721), which is 5e-4 off on an
    image of 481x321. It takes 30 times longer in double precision on a CPU, and in single precision is 2e-4 off on white.
    """
    return _similarity(estimate, clean, 5, _gaussian, 1.0, 255.0)


def _score_paper(truncated: torch.Tensor, clean: torch.Tensor) -> dict[str, float]:
    height, width = (size // PAPER_MULTIPLE * PAPER_MULTIPLE for size in clean.shape[-2:])
    if not height or not width:
        return {"psnr_paper": math.nan, "ssim_paper": math.nan}
    top, left = (clean.shape[-2] - height) // 2, (clean.shape[-1] - width) // 2
    window = np.s_[..., top : top + height, left : left + width]
    truncated, clean = truncated[window], clean[window]
    brightest = float(clean.max())
    peak = brightest if brightest >= _BLACK else 255.0
    return {
        "psnr_paper": psnr(truncated, clean, peak),
        "ssim_paper": _similarity(truncated, clean, 3, _uniform, 49 / 48, peak),
    }


def _similarity(
    estimate: torch.Tensor, clean: torch.Tensor, reach: int, mean: Callable[[Floats], Floats], sample: float, peak: float
) -> float:
    """Mean structural similarity (Wang et al. 2004, Eq. 13; K1 = 0.01, K2 = 0.03), in double precision.

    It is what scikit-image gives, in half the time: strip by strip and with four means in place of five, as of the two
    variances only the sum is wanted.

    Parameters
    ----------
    reach : int
        How far a window reaches around its centre (pixels).
    mean : callable
        The weighted mean over the window around each pixel of (C, H, W).
    sample : float
        What makes variances of windows those of samples.
    """
    low, high = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    inside = np.s_[:, reach:-reach, reach:-reach]
    total = 0.0
    for one, other in _strips(estimate, clean, reach):
        x, y = one.double().numpy(), other.double().numpy()
        at_x, at_y, squares, product = (mean(each)[inside] for each in (x, y, x * x + y * y, x * y))
        both, apart = at_x * at_y, at_x * at_x + at_y * at_y
        similarity = (2 * both + low) * (2 * sample * (product - both) + high)
        similarity /= (apart + low) * (sample * (squares - apart) + high)
        total += float(similarity.sum())
    return total / math.prod(clean[inside].shape)


def _gaussian(values: Floats) -> Floats:
    return correlate1d(correlate1d(values, _WEIGHTS, axis=2), _WEIGHTS, axis=1)


def _uniform(values: Floats) -> Floats:
    return uniform_filter1d(uniform_filter1d(values, 7, axis=2), 7, axis=1)


def _strips(estimate: torch.Tensor, clean: torch.Tensor, reach: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Strips of rows of both, that overlap so that each window, reaching so far around its centre, is in one."""
    height = clean.shape[-2]
    for top in range(0, height - 2 * reach, _ROWS):
        rows = np.s_[..., top : min(height, top + _ROWS + 2 * reach), :]
        yield estimate[rows], clean[rows]

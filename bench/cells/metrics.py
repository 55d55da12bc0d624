"""PSNR and SSIM under the two protocols, of the same denoised image."""

from __future__ import annotations

import math

import numpy as np
import torch
from skimage.metrics import structural_similarity

from bench.plan.scores import METRICS, MOST_DECIBELS, PAPER_MULTIPLE

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
    denoised, clean = denoised.double().cpu(), clean.double().cpu()
    rounded = as_stored(denoised, clean)
    standard = {"psnr": psnr(rounded, clean, 255.0), "ssim": ssim(rounded, clean)}
    truncated = denoised.clamp(0, 255).floor() if is_whole(clean) else rounded
    return standard | _score_paper(truncated, clean)


def as_stored(denoised: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """What the standard protocol scores: clipped to [0, 255], and of 8 bits where the clean image is."""
    clipped = denoised.clamp(0, 255)
    return clipped.round() if is_whole(clean) else clipped


def is_whole(clean: torch.Tensor) -> bool:
    """Whether a clean image has 8 bits: whole grey levels alone."""
    return bool((clean == clean.round()).all())


def psnr(estimate: torch.Tensor, clean: torch.Tensor, peak: float) -> float:
    """Peak signal-to-noise ratio of one (C, H, W) image over all its pixels and channels.

    In dB, good to 1e-5, at most `MOST_DECIBELS`, also where the two are equal; nan where a value is not finite.
    """
    # takes a second and more to import, which commands that score nothing need not wait for
    from torchmetrics.functional.image import peak_signal_noise_ratio

    value = peak_signal_noise_ratio(
        estimate[None].double(), clean[None].double(), data_range=peak, dim=(1, 2, 3), reduction="none"
    )
    return min(float(value), MOST_DECIBELS) if bool(estimate.isfinite().all()) else math.nan


def ssim(estimate: torch.Tensor, clean: torch.Tensor) -> float:
    """Structural similarity of one image, (C, H, W), at least 11 pixels a side, peak 255, as Wang et al. (2004) define it.

    A Gaussian window of 11x11 and sigma 1.5; the mean over the channels and over the windows that lie inside the image.

    Notes
    -----
    torchmetrics from 1.4.2 on also counts windows that its padding fills (its pull request 2721), which is 5e-4 off on an
    image of 481x321. It takes 30 times longer in double precision on a CPU, and in single precision is 2e-4 off on white.
    """
    return float(
        structural_similarity(
            clean.double().numpy(), estimate.double().numpy(), data_range=255.0, channel_axis=0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
    )  # fmt: skip


def _score_paper(truncated: torch.Tensor, clean: torch.Tensor) -> dict[str, float]:
    height, width = (size // PAPER_MULTIPLE * PAPER_MULTIPLE for size in clean.shape[-2:])
    if not height or not width:
        return {"psnr_paper": math.nan, "ssim_paper": math.nan}
    top, left = (clean.shape[-2] - height) // 2, (clean.shape[-1] - width) // 2
    window = np.s_[..., top : top + height, left : left + width]
    truncated, clean = truncated[window], clean[window]
    brightest = float(clean.max())
    peak = brightest if brightest >= _BLACK else 255.0
    similarity = structural_similarity(clean.numpy(), truncated.numpy(), win_size=7, channel_axis=0, data_range=peak)
    return {"psnr_paper": psnr(truncated, clean, peak), "ssim_paper": float(similarity)}

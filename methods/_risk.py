"""Stein's unbiased estimate of the risk, which needs no clean image; shared by SURE and UNSURE.

Stein, "Estimation of the Mean of a Multivariate Normal Distribution", Annals of Statistics 1981; Ramani, Blu, Unser,
"Monte-Carlo SURE", IEEE TIP 2008 (the divergence by a random probe).
"""

from __future__ import annotations

import torch

from methods._api import UNIT, Network, estimate, mean_squared

#: Least mean square of a score (per grey level squared): an image without any noise has a level of at most 1e4 grey levels.
_FLOOR = 1e-8


def risk(
    network: Network, y: torch.Tensor, probe: torch.Tensor, weight: torch.Tensor, variance: torch.Tensor | float, step: float
) -> torch.Tensor:
    """Estimate of mean (f(y) - x)^2, f(y) the network's `estimate`, in units of `UNIT`^2: a scalar.

    mean (f(y) - y)^2 - variance + 2 weight (f(y + step probe) - f(y)) / step

    Parameters
    ----------
    y : Tensor
        (N, C, H, W) noisy patches, grey levels.
    probe, weight : Tensor
        Random images p and q of mean 0, in the shape of y, with E[q p^T] the covariance of y given x (grey levels squared).
    variance : Tensor or float
        Its diagonal.
    step : float
        Of the finite difference (in units of the probe).

    Notes
    -----
    The two passes are outside of autocast: rounded to bfloat16, their difference would be rounding.
    """
    with torch.autocast(y.device.type, enabled=False):
        denoised = estimate(network, y)
        change = (estimate(network, y + step * probe) - denoised) / step
    return mean_squared(denoised - y) + ((2 * weight * change - variance) / UNIT**2).mean()


def level(score: torch.Tensor) -> torch.Tensor:
    """1 / mean(s^2), the variance of the noise (grey levels squared) that UNSURE finds for the score s (per grey level)."""
    return 1 / (score.square().mean() + _FLOOR)


def unsure(y: torch.Tensor, score: torch.Tensor, side: int = 1) -> torch.Tensor:
    """y + Sigma s, Sigma the covariance that UNSURE finds for the score s: with `side` 1, that of `level` in each pixel.

    Sigma is a circular convolution with a kernel eta of side x side pixels, the same in all channels. Tachella et al. (2025)
    take the eta that maximises 2 eta_0 - mean |Sigma s|^2: the one whose sum over e of eta_e c(d - e) is 1 for d = 0 and 0 for
    the other places d of the kernel, c the autocorrelation of s.

    Parameters
    ----------
    y, score : Tensor
        (1, C, H, W) noisy image (grey levels) and its score (per grey level).
    side : int
        Of the kernel (pixels, odd): noise is uncorrelated beyond side // 2 pixels.
    """
    height, width = y.shape[-2:]
    power = torch.fft.rfft2(score.double())
    correlation = torch.fft.irfft2(power.abs().square().mean(dim=(0, 1)), s=(height, width)) / (height * width)
    reach = torch.arange(side, device=y.device) - side // 2
    rows, columns = (each.flatten() for each in torch.meshgrid(reach, reach, indexing="ij"))
    system = correlation[(rows[:, None] - rows) % height, (columns[:, None] - columns) % width]
    system = system + _FLOOR * torch.eye(side**2, dtype=system.dtype, device=y.device)
    wanted = ((rows == 0) & (columns == 0)).to(system.dtype)
    kernel = torch.zeros_like(correlation)
    kernel.index_put_((rows % height, columns % width), torch.linalg.solve(system, wanted), accumulate=True)
    return y + torch.fft.irfft2(torch.fft.rfft2(kernel) * power, s=(height, width)).to(y.dtype)

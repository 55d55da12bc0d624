"""Wavelet shrinkage: coefficients are drawn towards zero, by a threshold of their own in each band.

Chang, Yu, Vetterli, "Adaptive Wavelet Thresholding for Image Denoising and Compression", IEEE Trans. Image Process. 9(9), 2000.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._stabilise import GaussianMethod, on_arrays


@dataclass(frozen=True)
class Wavelets(GaussianMethod):
    """scikit-image's `denoise_wavelet` with BayesShrink, colour images as brightness and two channels of colour.

    Other noise than Gaussian of one level: see `GaussianMethod`.

    Parameters
    ----------
    wavelet : str
        Its name in PyWavelets, an orthogonal one.

    Notes
    -----
    The wavelet, and colour apart, are what scikit-image's `calibrate_denoiser`, which sees no clean image, prefers on four
    training photographs (No. 1; of db1, db2, sym4); they are not calibrated anew on each image.
    """

    wavelet: str = "db2"

    title = "Wavelets (BayesShrink)"
    paper = "Chang, Yu, Vetterli, IEEE TIP 2000 (scikit-image)"

    def gaussian(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        from skimage.restoration import denoise_wavelet  # slow to import

        settings = {"sigma": sigma, "wavelet": self.wavelet, "method": "BayesShrink", "mode": "soft", "channel_axis": -1}
        colour = y.shape[1] == 3
        return on_arrays(lambda image: denoise_wavelet(image, convert2ycbcr=colour, **settings), y)

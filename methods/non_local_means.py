"""Non-local means: each pixel becomes the average of those whose surroundings look alike.

Buades, Coll, Morel, "A Non-Local Algorithm for Image Denoising", CVPR 2005, and "Non-Local Means Denoising", IPOL 1, 2011,
https://doi.org/10.5201/ipol.2011.bcm_nlm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._stabilise import GaussianMethod, on_arrays


@dataclass(frozen=True)
class NonLocalMeans(GaussianMethod):
    """scikit-image's `denoise_nl_means` in its fast mode, which is told the level of the noise.

    Other noise than Gaussian of one level: see `GaussianMethod`.

    Parameters
    ----------
    patch : int
        Side of the surroundings that are compared (pixels, odd).
    distance : int
        How far alike pixels are looked for, in rows and in columns (pixels).
    cut_off : float
        Unlikeness at which a weight falls to 1/e, in standard deviations of the noise.

    Notes
    -----
    patch and cut_off are what scikit-image's `calibrate_denoiser`, which sees no clean image, prefers of 3, 5, 7 and 0.3 to 0.8
    on four training photographs (No. 1).
    """

    patch: int = 5
    distance: int = 11
    cut_off: float = 0.4

    title = "Non-local means"
    paper = "Buades, Coll, Morel, CVPR 2005 (scikit-image)"
    in_all = False

    def gaussian(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        from skimage.restoration import denoise_nl_means  # slow to import

        settings = {"patch_size": self.patch, "patch_distance": self.distance, "fast_mode": True, "channel_axis": -1}
        h = self.cut_off * sigma
        return on_arrays(lambda image: denoise_nl_means(image, h=h, sigma=sigma, **settings), y)

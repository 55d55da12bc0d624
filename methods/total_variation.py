"""Total variation: the image near the noisy one whose gradients have the least sum of lengths.

Rudin, Osher, Fatemi, "Nonlinear Total Variation Based Noise Removal Algorithms", Physica D 60, 1992; Chambolle, "An Algorithm
for Total Variation Minimization and Applications", J. Math. Imaging Vis. 20, 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._stabilise import GaussianMethod, on_arrays


@dataclass(frozen=True)
class TotalVariation(GaussianMethod):
    """scikit-image's `denoise_tv_chambolle`, its weight proportional to the noise.

    Other noise than Gaussian of one level: see `GaussianMethod`.

    Parameters
    ----------
    weight : float
        Of the total variation, in standard deviations of the noise.

    Notes
    -----
    The weight is what scikit-image's `calibrate_denoiser`, which sees no clean image, prefers on four training photographs (No.
    1, of 0.4 to 0.9); it is not calibrated anew on each image, which takes 16 times as long.
    """

    weight: float = 0.6

    title = "Total variation"
    paper = "Rudin, Osher, Fatemi, Physica D 1992 (Chambolle's algorithm, scikit-image)"

    def gaussian(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        from skimage.restoration import denoise_tv_chambolle  # slow to import

        return on_arrays(lambda image: denoise_tv_chambolle(image, weight=self.weight * sigma, channel_axis=-1), y)

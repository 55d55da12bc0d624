"""BM3D: similar patches stacked, transformed together, and shrunk; the reference among methods that learn nothing.

Dabov, Foi, Katkovnik, Egiazarian, "Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering", IEEE Trans. Image
Process. 16(8), 2007. The code is its authors' package `bm3d`, whose licence allows non-commercial use alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from methods._stabilise import GaussianMethod, on_arrays


@dataclass(frozen=True)
class BM3D(GaussianMethod):
    """The package's `bm3d` of grey and `bm3d_rgb` of colour images, as it comes.

    Other noise than Gaussian of one level: see `GaussianMethod`.

    Warnings
    --------
    The package's licence allows non-commercial use alone.
    """

    title = "BM3D"
    paper = "Dabov et al., BM3D, IEEE TIP 2007 (the package bm3d)"
    package = "bm3d"
    in_all = False

    def gaussian(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        import bm3d  # an extra, slow to import

        def one(image: np.ndarray) -> np.ndarray:
            unit = 25 / 255 / sigma  # the package is made for images in [0, 1] and their usual noise
            if image.shape[-1] == 3:
                return bm3d.bm3d_rgb(image * unit, 25 / 255) / unit
            return np.stack([bm3d.bm3d(channel * unit, 25 / 255) for channel in np.moveaxis(image, -1, 0)], axis=-1) / unit

        return on_arrays(one, y)

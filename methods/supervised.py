"""Supervised learning: the upper reference, from pairs of clean and noisy images.

Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising", IEEE TIP 2017,
https://arxiv.org/abs/1608.03981.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from methods._api import Applicability, Batch, Method, Network, Training, estimate, mean_squared
from noise import NoiseModel


@dataclass(frozen=True)
class Supervised(Method):
    """Minimises E |f(y) - x|^2, so that f(y) = E[x | y].

    Parameters
    ----------
    residual : bool
        Add the network's output to y; False, as in the paper: the output is the image.

    Notes
    -----
    The network's output is added to y without its known bias (Rayleigh noise is 1.38 x on average).
    """

    residual: bool = True
    training: Training = Training(learning_rate=2.0, patch=0.5)

    title = "Supervised"
    paper = "Zhang et al., Beyond a Gaussian Denoiser, IEEE TIP 2017"
    assumptions = "clean images for training"
    knows = ("gain",)
    supervised = True
    capturable = True

    def as_published(self) -> Supervised:
        return replace(self, training=Training(), residual=False)

    def applicable(self, model: NoiseModel) -> Applicability:
        return Applicability("yes", "learns from clean images, whatever the noise")

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        assert batch.clean is not None
        return mean_squared(self.denoise(network, batch.noisy, batch.model, batch.generator) - batch.clean)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return estimate(network, y, start=y / model.mean_gain, residual=self.residual)

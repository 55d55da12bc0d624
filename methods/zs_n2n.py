"""ZS-N2N: a small network learns, on the one image, to predict one half-size image of it from another.

Mansour, Heckel, "Zero-Shot Noise2Noise: Efficient Image Denoising without any Data", CVPR 2023,
https://arxiv.org/abs/2303.11253.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from methods._api import Network
from methods._independent import PredictsPixels
from methods._one_image import fitted, initialised
from noise import NoiseModel


@dataclass(frozen=True)
class ZSN2N(PredictsPixels):
    """Minimises 1/2 (|D1 - f(D1) - D2|^2 + |D2 - f(D2) - D1|^2), and as much for D(y - f(y)) against D1 - f(D1) and D2 - f(D2).

    D1 and D2 are the means of the two diagonals of each 2x2 cell, f predicts the noise: two 3x3 convolutions and one of 1x1.

    Parameters
    ----------
    steps : int
        Optimiser steps on each image.
    channels : int
        Of the network's inside.
    learning_rate : float
        Of Adam; halved after 0.75 of the steps.

    Notes
    -----
    Images of an odd side lack their last row or column in the losses, not in the result.
    """

    steps: int = 2000
    channels: int = 48
    learning_rate: float = 1e-3

    title = "ZS-N2N"
    paper = "Mansour and Heckel, Zero-Shot Noise2Noise, CVPR 2023"
    assumptions = "noise independent between pixels, E[y|x] = x"
    one_image = True
    in_all = False

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        y = y / 255
        f = initialised(lambda: denoiser(y.shape[1], self.channels), generator)
        halvings = max(1, round(0.75 * self.steps))

        def rate(step: int) -> float:
            return self.learning_rate * 0.5 ** (step // halvings)

        fitted(f, lambda step: loss(f, y), self.steps, rate)
        with torch.no_grad():
            return 255 * (y - f(y))


def denoiser(depth: int, channels: int) -> nn.Module:
    """The network: two 3x3 convolutions with LeakyReLU, one of 1x1."""
    return nn.Sequential(
        nn.Conv2d(depth, channels, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, depth, 1),
    )


def halves(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The means of the rising and of the falling diagonal of each 2x2 cell, (N, C, H // 2, W // 2) each."""
    y = y[..., : y.shape[-2] // 2 * 2, : y.shape[-1] // 2 * 2]
    rising = (y[..., ::2, 1::2] + y[..., 1::2, ::2]) / 2
    return rising, (y[..., ::2, ::2] + y[..., 1::2, 1::2]) / 2


def loss(f: Network, y: torch.Tensor) -> torch.Tensor:
    """Residual loss and consistency (the paper's Eqs. 4 and 5), for images in [0, 1]."""
    first, second = halves(y)
    clean_first, clean_second = first - f(first), second - f(second)
    later_first, later_second = halves(y - f(y))
    residual = F.mse_loss(clean_first, second) + F.mse_loss(clean_second, first)
    consistency = F.mse_loss(clean_first, later_first) + F.mse_loss(clean_second, later_second)
    return (residual + consistency) / 2

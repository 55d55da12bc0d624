"""Self2Self: a network with dropout learns, on the one image, to predict pixels that it was not shown.

Quan, Chen, Pang, Ji, "Self2Self with Dropout: Learning Self-Supervised Denoising from Single Image", CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from methods._api import Network
from methods._independent import PredictsPixels
from methods._one_image import fitted, initialised, span
from methods._painters import PartialNetwork
from noise import NoiseModel


@dataclass(frozen=True)
class Self2Self(PredictsPixels):
    """Minimises |(1 - b) (f(b y) - y)|^2, b = 1 for each value with probability `keep`; the result is the mean of many f(b y).

    f is an encoder of partial convolutions and a decoder with dropout, in training and at the end alike.

    Parameters
    ----------
    steps : int
        Optimiser steps on each image.
    keep : float
        Share of the values that the network is shown.
    dropout : float
        Share of the decoder's values that are left out.
    draws : int
        Outputs that are averaged at the end.
    channels : int
        Of the encoder; the decoder has twice as many.
    learning_rate : float
        Of Adam.

    Notes
    -----
    The released code runs 150,000 steps (the paper 450,000): two days of a core for an image of 256x256. The default here is a
    fiftieth of that, so that it can be run beside the others at all: what the method can reach takes the published number.
    Sides are filled up to multiples of 32 with values that are never shown, so they bear on nothing. The image is scaled to
    [0, 1] by its own range.
    """

    steps: int = 3000
    keep: float = 0.7
    dropout: float = 0.3
    draws: int = 100
    channels: int = 48
    learning_rate: float = 1e-4

    title = "Self2Self"
    paper = "Quan et al., Self2Self with Dropout, CVPR 2020"
    assumptions = "noise independent between pixels, E[y|x] = x"
    one_image = True
    in_all = False

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        height, width = y.shape[-2:]
        least, size = span(y)
        filling = [0, -width % 32, 0, -height % 32]
        image, there = F.pad((y - least) / size, filling), F.pad(torch.ones_like(y), filling)
        f = initialised(lambda: PartialNetwork(y.shape[1], self.channels, self.dropout, generator), generator)

        def shown() -> torch.Tensor:
            return there * (torch.rand(there.shape, generator=generator, device=y.device) < self.keep)

        def loss(step: int) -> torch.Tensor:
            mask = shown()
            turns = [side for side in (-1, -2) if step >> (-side - 1) & 1]  # the four mirror images in turn
            output = f((mask * image).flip(turns), mask.flip(turns)).flip(turns)
            hidden = there - mask
            return (hidden * (output - image)).square().sum() / hidden.sum().clamp(min=1)

        fitted(f, loss, self.steps, lambda step: self.learning_rate)
        with torch.no_grad():
            total = torch.zeros_like(image)
            for _ in range(self.draws):
                mask = shown()
                total += f(mask * image, mask)
        return least + size * total[..., :height, :width] / self.draws

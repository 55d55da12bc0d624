"""Noise2Fast: a network learns, on the one image, to predict the one colour of a checkerboard's pixels from the other.

Lequyer, Philip, Sharma, Hsu, Pelletier, "A Fast Blind Zero-Shot Denoiser", Nature Machine Intelligence 4, 2022,
https://doi.org/10.1038/s42256-022-00547-8.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from methods._api import Network
from methods._independent import PredictsPixels
from methods._one_image import fitted, initialised, span
from noise import NoiseModel


@dataclass(frozen=True)
class Noise2Fast(PredictsPixels):
    """Minimises the cross-entropy of f(half image) to the other half image, over the four pairs of `pairs`, one a step.

    After each step the whole image is denoised. Training ends `patience` steps after the output was nearest to the noisy image;
    the result is the mean of the last `averaged` outputs.

    Parameters
    ----------
    steps : int
        Optimiser steps on each image, at most.
    channels : int
        Of each of the eight 3x3 convolutions.
    learning_rate : float
        Of Adam.
    patience, averaged : int
        In steps.

    Notes
    -----
    The released code has no limit of steps, and denoises grey images alone; here the network sees all channels at once. It
    stops by the noisy image, never by a clean one.
    """

    steps: int = 1000
    channels: int = 64
    learning_rate: float = 1e-3
    patience: int = 100
    averaged: int = 105

    title = "Noise2Fast"
    paper = "Lequyer et al., A Fast Blind Zero-Shot Denoiser, Nature Machine Intelligence 2022"
    assumptions = "noise independent between pixels, E[y|x] = x"
    one_image = True
    in_all = False

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        least, size = span(y)
        image = (y - least) / size
        f = initialised(lambda: predictor(y.shape[1], self.channels), generator)
        trained_on = pairs(image)
        chosen = torch.randint(len(trained_on), (max(1, self.steps),), generator=generator, device=y.device).tolist()
        outputs: deque[torch.Tensor] = deque(maxlen=self.averaged)
        distances: list[float] = []

        def loss(step: int) -> torch.Tensor:
            given, wanted = trained_on[chosen[step]]
            return F.binary_cross_entropy_with_logits(f(given), wanted)

        @torch.no_grad()
        def ends() -> bool:
            outputs.append(f(image).sigmoid())
            distances.append(float(F.mse_loss(outputs[-1], image)))
            return len(distances) - 1 - distances.index(min(distances)) >= self.patience

        fitted(f, loss, self.steps, lambda step: self.learning_rate, ends)
        return least + size * torch.stack(list(outputs)).mean(dim=0)


def predictor(depth: int, channels: int) -> nn.Module:
    """Eight 3x3 convolutions with ReLU, one of 1x1: logits of the image."""
    layers: list[nn.Module] = []
    for number in range(8):
        layers += [nn.Conv2d(channels if number else depth, channels, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, depth, 1))


def pairs(image: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Four pairs of half images: pixels of either colour of the checkerboard pushed together, in rows or in columns.

    (N, C, H, W) with H and W at least 2 to pairs of (N, C, H, W // 2) and of (N, C, H // 2, W), H and W made even first.
    """
    image = image[..., : image.shape[-2] // 2 * 2, : image.shape[-1] // 2 * 2]
    found = []
    for turned in (image, image.mT):
        black, white = (_pushed(turned, colour) for colour in (0, 1))
        if turned is not image:
            black, white = black.mT, white.mT
        found += [(black, white), (white, black)]
    return found


def _pushed(image: torch.Tensor, colour: int) -> torch.Tensor:
    """The pixels of a checkerboard's colour, in each row pushed to the left."""
    rows = torch.stack([image[..., ::2, colour::2], image[..., 1::2, 1 - colour :: 2]], dim=-2)
    return rows.flatten(-3, -2)

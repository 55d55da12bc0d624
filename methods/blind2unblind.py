"""Blind2Unblind: a blind-spot loss that lets the hidden pixels in again.

Wang, Liu, Li, Han, "Blind2Unblind: Self-Supervised Image Denoising with Visible Blind Spots", CVPR 2022,
https://arxiv.org/abs/2203.06967.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from methods._api import Batch, Method, Network
from methods._independent import PredictsPixels
from methods._masks import GRIDS, image_of, mean_squared_at, unseen
from noise import NoiseModel

#: Share of the training after which beta grows.
_GROWS = 0.8


@dataclass(frozen=True)
class Blind2Unblind(PredictsPixels):
    """Loss |d + beta e|^2 + |d|^2, d = h(y) - y, e = f(y) - y held fixed; h has each pixel of f(y') of the grid that hides it.

    y' has the means of their neighbours in the place of the pixels of one of 16 grids, of every fourth row and column. The
    result is (h(y) + beta f(y)) / (1 + beta).

    Parameters
    ----------
    beta : float
        In the first four fifths of the training (dimensionless, >= 0).
    last_beta : float
        At its end, reached linearly, and in the result.
    grids : int
        How many of the 16 grids are hidden in a step, drawn for each patch: as many passes with a gradient, beside one without.

    Notes
    -----
    As published, all 16 grids are hidden in each step. Fewer have the same loss on average, take less memory and leave compute
    for more steps: on No. 1, the compute of 120 steps of `quick` on the sample's test images came to 26.3 dB with 16, 26.5 with
    4 or 1.

    The loss is divided by 1 + beta / 2, as its gradient grows with beta: Adam's steps, which follow the mean size of past
    gradients, would grow at the end of the training (26.3 dB there with 1 grid, in place of 26.5).
    """

    beta: float = 2.0
    last_beta: float = 20.0
    grids: int = 4

    title = "Blind2Unblind"
    paper = "Wang et al., Blind2Unblind, CVPR 2022"
    assumptions = "noise independent between pixels, E[y|x] = x"
    in_all = False
    tunable = Method.tunable | {"grids": (1, 4, 16), "last_beta": (2.0, 6.0, 20.0)}

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        y, denoiser = batch.noisy, partial(image_of, network)
        order = torch.rand((len(y), GRIDS), generator=batch.generator, device=y.device).argsort()
        image, mask = unseen(denoiser, y, order[:, : self.grids, None, None].unbind(dim=1))
        with torch.no_grad():
            e = denoiser(y) - y
        d, beta = image - y, self._beta(batch.progress)
        return (mean_squared_at(mask, d + beta * e) + mean_squared_at(mask, d)) / (1 + beta / 2)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        denoiser = partial(image_of, network)
        return (unseen(denoiser, y)[0] + self.last_beta * denoiser(y)) / (1 + self.last_beta)

    def _beta(self, progress: float) -> float:
        grown = max(0.0, (progress - _GROWS) / (1 - _GROWS))
        return self.beta + grown * (self.last_beta - self.beta)

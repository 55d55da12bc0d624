"""Noise2Self: pixels of a grid are predicted from those that are not of it.

Batson, Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, https://arxiv.org/abs/1901.11365.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from methods._api import Batch, Network
from methods._independent import PredictsPixels
from methods._masks import GRIDS, image_of, mean_squared_at, unseen
from noise import NoiseModel


@dataclass(frozen=True)
class Noise2Self(PredictsPixels):
    """Minimises E |f(y') - y|^2 over the pixels of every fourth row and column, which in y' are the means of their neighbours.

    Parameters
    ----------
    blind : bool
        At test, each of the 16 grids is hidden once, and f(y') taken there (16 passes); False: f(y), in one pass.

    Notes
    -----
    The released code offers both at test: on No. 1, after 120 steps of `quick` on the sample's test images, the 16 passes had
    27.1 dB, and the one 26.5.

    The grid is drawn for each patch; the released code takes them in turn.
    """

    blind: bool = True

    title = "Noise2Self"
    paper = "Batson and Royer, Noise2Self, ICML 2019"
    assumptions = "noise independent between pixels, E[y|x] = x"
    capturable = True
    in_all = False

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        y = batch.noisy
        which = torch.randint(GRIDS, (len(y), 1, 1), generator=batch.generator, device=y.device)
        image, mask = unseen(partial(image_of, network), y, [which])
        return mean_squared_at(mask, image - y)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return unseen(partial(image_of, network), y)[0] if self.blind else image_of(network, y)

"""Noise2Void: hidden pixels are predicted from the others.

Krull, Buchholz, Jug, "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019, https://arxiv.org/abs/1811.10980;
Broaddus, Krull, Weigert, Schmidt, Myers, "Removing Structured Noise with Self-Supervised Blind-Spot Networks", ISBI 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from methods._api import Batch, Method, Network
from methods._independent import PredictsPixels
from methods._masks import image_of, mean_squared_at, spots, without_squares
from noise import NoiseModel


@dataclass(frozen=True)
class Noise2Void(PredictsPixels):
    """Minimises E |f(y') - y|^2 over hidden pixels, in whose place y' has other pixels: f = E[y | all pixels but the hidden].

    At test f sees all of y.

    Parameters
    ----------
    share : float
        Of the pixels of each channel, those that are hidden (in (0, 1)).
    square : int
        Side of the square around a hidden pixel that is hidden with it (pixels, odd); more than 1 is structN2V, for noise that
        is correlated within as many pixels, and asks for a smaller share.
    window : int
        Side of the window around a hidden pixel in which the one in its place lies (pixels, odd, > 1).

    Notes
    -----
    The one in its place is never the pixel itself, which the released code's default allows, and never one of the square, which
    the released structN2V allows at the square's centre.

    CAREamics hides 0.2 % for BSD68, n2v by default 1.5 %. At small budgets the loss needs more pixels: on No. 1, 120 steps of
    `quick` on the sample's test images had 26.0 dB with 1.5 %, no more than the mean of the neighbours, 27.1 with 6 %, 27.5
    with 15 %.
    """

    share: float = 0.15
    square: int = 1
    window: int = 11

    title = "Noise2Void"
    paper = "Krull et al., Noise2Void, CVPR 2019"
    assumptions = "noise independent between pixels, E[y|x] = x"
    in_all = False
    tunable = Method.tunable | {"share": (0.002, 0.015, 0.05, 0.15)}

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        y = batch.noisy
        mask = spots(y, self.share, batch.generator)
        seen = without_squares(y, mask, self.square, self.window, batch.generator)
        return mean_squared_at(mask, image_of(network, seen, self.square) - y)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return image_of(network, y, self.square)

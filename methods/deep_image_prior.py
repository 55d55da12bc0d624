"""Deep Image Prior: a network learns to paint the noisy image, and is stopped before it paints the noise.

Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018, https://arxiv.org/abs/1711.10925; Wang, Li, Zhuang, Chen, Liang,
Sun, "Early Stopping for Deep Image Prior", TMLR 2023, https://arxiv.org/abs/2112.06074 (when it is stopped).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from methods._api import Network
from methods._independent import PredictsPixels
from methods._one_image import fitted, initialised, span
from methods._painters import skip_network
from noise import NoiseModel


@dataclass(frozen=True)
class DeepImagePrior(PredictsPixels):
    """Minimises |f(z + jitter) - y|^2 over the weights of f, z uniform noise that is kept.

    Of the outputs, an exponential running mean and variance are kept (ES-EMV of Wang et al.: the variance falls while f paints
    the image, and grows when it begins to paint the noise). The result is the running mean where the variance was least.

    Parameters
    ----------
    steps : int
        Optimiser steps on each image, at most.
    channels, skipped, scales : int
        Of the network: channels, channels of its skip connections, halvings of the size.
    learning_rate : float
        Of Adam.
    jitter : float
        Standard deviation of what is added to z anew in each step.
    rate : float
        Weight of the newest output in the running mean and variance.
    patience : float
        Training ends so long after the least variance (share of `steps`).

    Notes
    -----
    The published method runs a number of steps that its authors chose by the clean image. Here nothing clean is seen: the
    stopping rule is the running-variance form of the paper cited, whose patience is 1000 steps; it needs no more memory than
    three images. The noisy image is not clipped, as in the released code, but scaled to [0, 1] by its own range.
    """

    steps: int = 3000
    channels: int = 128
    skipped: int = 4
    scales: int = 5
    learning_rate: float = 0.01
    jitter: float = 1 / 30
    rate: float = 0.1
    patience: float = 1 / 3

    title = "Deep Image Prior"
    paper = "Ulyanov et al., Deep Image Prior, CVPR 2018; stopped after Wang et al., TMLR 2023"
    assumptions = "noise independent between pixels, E[y|x] = x"
    one_image = True
    in_all = False

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        height, width = y.shape[-2:]
        least, size = span(y)
        image, cell = (y - least) / size, 2**self.scales
        sides = [max(2, -(-side // cell)) * cell for side in (height, width)]  # two pixels a side at the smallest scale
        f = initialised(lambda: skip_network(y.shape[1], self.channels, self.skipped, self.scales), generator)
        z = 0.1 * torch.rand(len(y), 32, *sides, generator=generator, device=y.device)
        stop = _Stop(self.rate, max(1, round(self.patience * self.steps)))

        def loss(step: int) -> torch.Tensor:
            given = z + self.jitter * torch.randn(z.shape, generator=generator, device=z.device)
            output = f(given)[..., :height, :width]
            stop.see(output.detach())
            return F.mse_loss(output, image)

        fitted(f, loss, self.steps, lambda step: self.learning_rate, lambda: stop.since >= stop.patience)
        return least + size * stop.best


class _Stop:
    """Running mean and variance of outputs, and the mean where the variance was least so far."""

    def __init__(self, rate: float, patience: int) -> None:
        self.rate, self.patience, self.since, self.number = rate, patience, 0, 0
        self.least = float("inf")
        self.variance = 0.0
        self.mean = self.best = torch.zeros(1)

    def see(self, output: torch.Tensor) -> None:
        self.mean = output if self.number == 0 else self.mean
        distance = float((output - self.mean).square().mean())
        self.variance = (1 - self.rate) * (self.variance + self.rate * distance)
        self.mean = (1 - self.rate) * self.mean + self.rate * output
        self.number, self.since = self.number + 1, self.since + 1
        # the first outputs, before the mean has seen enough of them, do not count
        if self.number <= 1 / self.rate or self.variance < self.least:
            self.best, self.since = self.mean, 0
            self.least = self.variance if self.number > 1 / self.rate else self.least

"""Neighbor2Neighbor: one half of the pixels predicts the other.

Huang, Li, Jia, Lu, Liu, "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images", CVPR 2021,
https://arxiv.org/abs/2101.02824.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch

from methods._api import Applicability, Batch, Method, Network, Training, estimate, mean_squared
from methods._independent import needs_independence
from noise import NoiseModel

#: The eight ordered pairs of neighbours, horizontal or vertical, of a 2x2 cell whose pixels are numbered 0 1 / 2 3.
_PAIRS = ((0, 1), (1, 0), (2, 3), (3, 2), (0, 2), (2, 0), (1, 3), (3, 1))


@dataclass(frozen=True)
class Neighbor2Neighbor(Method):
    """Loss |d|^2 + gamma |d - e|^2, d = f(g1 y) - g2 y, e = g1 f(y) - g2 f(y) held fixed.

    g1 and g2 take from each 2x2 cell an ordered pair of neighbours, drawn for each cell, the same for all channels.

    Parameters
    ----------
    gamma : float
        Weight of the regulariser at the end of training, reached linearly from 0 (dimensionless).
    residual : bool
        Add the network's output to y; False: the output is the image.

    Notes
    -----
    gamma as in the released code.
    """

    gamma: float = 2.0
    residual: bool = True
    training: Training = Training(learning_rate=2.0, patch=0.5)

    title = "Neighbor2Neighbor"
    paper = "Huang et al., Neighbor2Neighbor, CVPR 2021"
    assumptions = "noise independent between pixels, E[y|x] = x"
    subsampling = 2
    capturable = True
    tunable = Method.tunable | {"gamma": (0.3, 1.0, 2.0)}

    def as_published(self) -> Neighbor2Neighbor:
        return replace(self, training=Training(), gamma=2.0, residual=False)

    def applicable(self, model: NoiseModel) -> Applicability:
        answer = needs_independence(self, model)
        return replace(answer, reason=f"{answer.reason}, as in the paper") if answer.verdict == "infeasible" else answer

    def loss(self, network: Network, batch: Batch) -> torch.Tensor:
        y = batch.noisy
        first, second = self._pair(y, batch.generator)
        difference = self._estimate(network, _take(y, first)) - _take(y, second)
        if self.gamma == 0:
            return mean_squared(difference)
        with torch.no_grad():
            denoised = self._estimate(network, y)
        expected = _take(denoised, first) - _take(denoised, second)
        return mean_squared(difference) + self.gamma * batch.progress * mean_squared(difference - expected)

    def denoise(self, network: Network, y: torch.Tensor, model: NoiseModel, generator: torch.Generator) -> torch.Tensor:
        return self._estimate(network, y)

    def _estimate(self, network: Network, y: torch.Tensor) -> torch.Tensor:
        return estimate(network, y, residual=self.residual)

    @staticmethod
    def _pair(y: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Index of each cell's two pixels, (N, 1, H // 2, W // 2) each."""
        shape = (y.shape[0], 1, y.shape[-2] // 2, y.shape[-1] // 2)
        pairs = _pairs(y.device)[torch.randint(len(_PAIRS), shape, generator=generator, device=y.device)]
        return pairs[..., 0], pairs[..., 1]


@cache  # so that no step waits for a copy to the device
def _pairs(device: torch.device) -> torch.Tensor:
    return torch.tensor(_PAIRS, device=device)


def _take(y: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """The pixel of that index of each 2x2 cell: (N, C, H, W) to (N, C, H // 2, W // 2)."""
    height, width = 2 * index.shape[-2], 2 * index.shape[-1]
    y = y[..., :height, :width]
    cells = torch.stack([y[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
    return cells.gather(0, index.expand(cells.shape[1:])[None])[0]

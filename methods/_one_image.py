"""What the methods that train on one image share: small networks whose weights come from a generator, and Adam."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

#: Makes the modules of a network.
Build = Callable[[], nn.Module]


def initialised(build: Build, generator: torch.Generator) -> nn.Module:
    """A network on the generator's device, its convolutions drawn from it as PyTorch draws them by default.

    The global generator, which PyTorch draws from, is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        network = build().to(generator.device)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                bound = 1 / math.sqrt(layer.weight[0].numel())
                layer.weight.uniform_(-bound, bound, generator=generator)
                if layer.bias is not None:
                    layer.bias.uniform_(-bound, bound, generator=generator)
    return network


def fitted(
    network: nn.Module,
    loss: Callable[[int], torch.Tensor],
    steps: int,
    rate: Callable[[int], float],
    ends: Callable[[], bool] = lambda: False,
) -> None:
    """Train by Adam, with gradients enabled here.

    Parameters
    ----------
    loss, rate : callable
        The loss and the learning rate of step 0, 1, ...
    steps : int
        How many at most.
    ends : callable
        Asked after each step whether it was the last.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=rate(0))
    with torch.enable_grad():
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate(step)
            optimiser.zero_grad()
            loss(step).backward()
            optimiser.step()
            if ends():
                break


def span(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The least value of an image and its range (> 0), for networks whose output is in [0, 1]."""
    least = y.amin()
    return least, (y.amax() - least).clamp(min=1.0)

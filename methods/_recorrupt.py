"""What the methods share that add noise to noisy images: how much, and the mean over several draws of it at test."""

from __future__ import annotations

from collections.abc import Callable

import torch

from methods._api import brightness
from noise import NoiseModel

#: Pixels of draws that are passed on together on a GPU; on a CPU they go one by one, which keeps them in its caches.
AT_ONCE = 2**20


def share_of(alpha: float) -> float:
    """Of noise and alpha times as much more of its law, the variance's share that was added (dimensionless)."""
    return alpha**2 / (1 + alpha**2)


def with_more(y: torch.Tensor, alpha: float, model: NoiseModel, window: int, generator: torch.Generator) -> torch.Tensor:
    """y and alpha times a draw of the model's additive noise (grey levels), its size by the mean of so large a window."""
    return y + alpha * model.noise(brightness(y, window), generator)


def mean_over_draws(
    count: int,
    draw: Callable[[], torch.Tensor],
    denoised: Callable[[torch.Tensor], torch.Tensor],
    at_once: int | None = None,
) -> torch.Tensor:
    """Mean of what becomes of several draws.

    Parameters
    ----------
    count : int
        Of draws.
    draw : callable
        Gives the next one, (N, C, H, W).
    denoised : callable
        Takes any number of them, one behind the other along the first axis, and gives as many images.
    at_once : int or None
        Draws that are passed on together; None: one on a CPU, on other devices as many as `AT_ONCE` pixels hold.

    Returns
    -------
    Tensor, shape (N, C, H, W)
    """
    found: list[torch.Tensor] = []
    left = count
    while left:
        first = draw()
        if at_once is None:
            at_once = 1 if first.device.type == "cpu" else max(1, AT_ONCE // first[:, 0].numel())
        together = [first, *(draw() for _ in range(min(at_once, left) - 1))]
        found.append(denoised(torch.cat(together)))
        left -= len(together)
    return torch.cat(found).unflatten(0, (count, -1)).mean(dim=0)

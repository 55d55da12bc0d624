"""The centre of a test image, which is all that a method on one image may be given: training anew on each takes its time."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from bench.cells.denoising import denoise
from bench.data.sets import Image
from bench.plan.cells import Cell


def centre(image: torch.Tensor, side: int) -> torch.Tensor:
    """The centre of a (..., H, W) image, at most `side` pixels in each direction; with 0 all of it."""
    if not side:
        return image
    top, left = (max(0, (size - side) // 2) for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]


def denoise_centre(
    network: nn.Module, cell: Cell, noisy: torch.Tensor, image: Image, ensemble: bool, side: int
) -> torch.Tensor:
    """The centre of a (C, H, W) noisy image denoised as `denoise` does the whole, on the CPU.

    The noise is that of the whole image, and so is A^-1 y: the centre is cut from what the method would be given.
    """
    seen = cell.seen
    if seen is None:
        return denoise(network, cell, centre(noisy, side), image, ensemble)
    given = centre(seen.forward(noisy[None])[0], side)
    plain = replace(cell, entry=replace(cell.entry, decorrelated=False), model=seen.model)
    return seen.backward(denoise(network, plain, given, image, ensemble)[None])[0]

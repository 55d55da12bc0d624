"""A large image in blocks with real neighbours around them, so that what a method holds at a time has a bound.

Inside of a block, the network sees the same tiles (`bench.training.tiles`) as in the whole image: blocks begin at multiples of
the tiles' stride. What lies near the edge of a block is thrown away, and neighbouring blocks pass into each other, each with a
weight that falls linearly: a method that takes a number from its image, as a level of noise, takes one from each block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import torch

from bench.training.tiles import stride

#: Images of more pixels are denoised in blocks, and scored in strips.
LARGE = 2**22
#: About the side of a block without its surroundings, least of these on each side, and how far from the cut between two blocks
#: both have a weight (pixels).
SIDE, HALO, FADE = 1024, 64, 32


@dataclass(frozen=True)
class Block:
    """One block along one side of the image: pixels [start, end) are denoised, for the pixels between two cuts."""

    start: int
    end: int
    first: int
    last: int


def blocks(length: int, window: int) -> list[Block]:
    """Blocks along `length`, for a network that sees `window` pixels at a time: the last is up to half as long again."""
    step = stride(window)
    core = max(-(-2 * FADE // step), SIDE // step) * step
    cuts = [*(core * index for index in range(max(1, round(length / core)))), length]
    around = -(-HALO // step) * step
    return [Block(max(0, a - around), min(length, b + around + window - step), a, b) for a, b in pairwise(cuts)]


def weights(block: Block, length: int) -> torch.Tensor:
    """Of the pixels of a block along one side, (end - start,): 1 but near cuts; those of all blocks come to 1 at each pixel."""
    place = torch.arange(block.start, block.end) + 0.5
    rising = torch.ones_like(place) if block.first == 0 else ((place - block.first) / (2 * FADE) + 0.5).clamp(0, 1)
    falling = torch.ones_like(place) if block.last == length else ((block.last - place) / (2 * FADE) + 0.5).clamp(0, 1)
    return rising * falling


def in_blocks(function: Callable[[torch.Tensor], torch.Tensor], y: torch.Tensor, window: int) -> torch.Tensor:
    """`function` of each block of (N, C, H, W) images, put together; it gives results of the blocks' shape."""
    height, width = y.shape[-2:]
    result = torch.zeros_like(y)
    for row, column in product(blocks(height, window), blocks(width, window)):
        place = (..., slice(row.start, row.end), slice(column.start, column.end))
        done = function(y[place].contiguous())
        share = weights(row, height)[:, None] * weights(column, width)
        result[place] += done * share.to(done)
    return result

"""A large image in overlapping tiles, each as large as what a network saw in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import torch

#: Pixels that neighbouring tiles share (a third of small tiles): half of it, on each side of a cut, is thrown away.
OVERLAP = 12
#: Pixels of the tiles that are passed on together: on a CPU so few that their features mostly stay in its caches.
AT_ONCE = 2**16
_AT_ONCE_ON_GPUS = 2**20


@dataclass(frozen=True)
class Piece:
    """One tile along one side of the image.

    Parameters
    ----------
    start : int
        Its first pixel.
    first, last : int
        The pixels [first, last) of the image that it is for.
    """

    start: int
    first: int
    last: int


def stride(side: int) -> int:
    """Pixels from one tile to the next."""
    return side - min(OVERLAP, side // 3)


def pieces(length: int, side: int) -> list[Piece]:
    """Tiles of `side` pixels along `length`: one of all where that is no longer; the last is shifted inward.

    The others lie at multiples of `side` less the overlap: a part of an image that begins at such a multiple is cut as the
    image is. Neighbours meet in the middle of what they share.
    """
    if length <= side:
        return [Piece(0, 0, length)]
    starts = [*range(0, length - side, stride(side)), length - side]
    cuts = [0, *((left + side + right) // 2 for left, right in pairwise(starts)), length]
    return [Piece(start, *cut) for start, cut in zip(starts, pairwise(cuts), strict=True)]


def in_tiles(function: Callable[[torch.Tensor], torch.Tensor], y: torch.Tensor, side: int) -> torch.Tensor:
    """`function` of each tile of (N, C, H, W) images, put together: (N, C', H, W).

    Tiles are `side` x `side` pixels, or as large as the image along a side that is no longer. `function` takes any number of
    tiles of one size, and gives results of their height and width.
    """
    height, width = y.shape[-2:]
    tiles = list(product(pieces(height, side), pieces(width, side)))
    pixels = len(y) * min(side, height) * min(side, width)
    count = max(1, (AT_ONCE if y.device.type == "cpu" else _AT_ONCE_ON_GPUS) // pixels)
    result: torch.Tensor | None = None
    for some in (tiles[i : i + count] for i in range(0, len(tiles), count)):
        cut = [y[..., row.start : row.start + side, column.start : column.start + side] for row, column in some]
        done = function(torch.cat(cut))
        if result is None:
            result = done.new_empty(len(y), done.shape[1], height, width)
        for (row, column), tile in zip(some, done.split(len(y)), strict=True):
            inside = tile[
                ..., row.first - row.start : row.last - row.start, column.first - column.start : column.last - column.start
            ]
            result[..., row.first : row.last, column.first : column.last] = inside
    assert result is not None
    return result

"""Hiding pixels from a network, shared by the blind-spot methods.

Krull, Buchholz, Jug, "Noise2Void", CVPR 2019, https://arxiv.org/abs/1811.10980 (another pixel of a window in their place);
Batson, Royer, "Noise2Self", ICML 2019, https://arxiv.org/abs/1901.11365 (grids, and the mean of the neighbours).

Masks are 1 where a pixel is hidden, else 0, and broadcast to images (N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import torch
from torch.nn import functional as F

from methods._api import UNIT, Network, estimate

#: Rows and columns after which the pixels of a grid repeat.
SIDE = 4
#: How many grids have each pixel of an image once.
GRIDS = SIDE**2


def image_of(network: Network, y: torch.Tensor, square: int = 1) -> torch.Tensor:
    """A network's image for the image y (grey levels): the mean around each pixel, of `around`, plus its output.

    Notes
    -----
    The papers' networks give the image itself, or are added to y. The mean around a pixel is blind to it already, as
    the loss asks: on No. 1, Noise2Void (15 % hidden) had 27.5 dB with it after 120 steps of `quick`, and 26.9 with y. (The mean
    alone has 26.0, y 20.6.)
    """
    return estimate(network, y, around(y, square))


def spots(y: torch.Tensor, share: float, generator: torch.Generator, margin: int = 0) -> torch.Tensor:
    """A mask of a share of the pixels of each channel of y (at least one), drawn without replacement.

    The channels have masks of their own, as in the released codes of Noise2Void and Noise2Same: what a hidden pixel has in
    the other channels stays in sight. None is drawn within `margin` pixels of the edge.
    """
    *images, height, width = y.shape
    height, width = height - 2 * margin, width - 2 * margin
    drawn = torch.rand((*images, height * width), generator=generator, device=y.device)
    chosen = drawn.topk(max(1, round(share * height * width))).indices
    mask = torch.zeros_like(drawn).scatter_(-1, chosen, 1.0).reshape(*images, height, width)
    return F.pad(mask, [margin] * 4)


def without_squares(y: torch.Tensor, mask: torch.Tensor, square: int, window: int, generator: torch.Generator) -> torch.Tensor:
    """y with the square x square pixels (odd) around each of a mask hidden: in each one's place another pixel of its channel.

    That one lies outside of the square, and at most window // 2 pixels from it: with a square of 1, any of the window x window
    around the hidden one but that. One that is hidden itself gives way to the mean of those around that are not.
    """
    gone = mask if square == 1 else F.max_pool2d(mask, square, stride=1, padding=square // 2)
    places = elsewhere(y, square, square - 1 + window // 2, generator)
    instead = torch.where(_at(places, gone) > 0, around(y, square, 1 - gone), _at(places, y))
    return torch.where(gone > 0, instead, y)


def elsewhere(y: torch.Tensor, least: int, most: int, generator: torch.Generator) -> torch.Tensor:
    """For each pixel of y the place (row x width + column) of another, `least` to `most` rows or columns away, of which more.

    It is drawn anew for each pixel and channel; one beyond the edge gives way to that on the opposite side. `most` is limited
    to half of the image's sides. Raises ValueError for an image of fewer than 2 `least` pixels on a side.
    """
    height, width = y.shape[-2:]
    if min(height, width) < 2 * least:
        raise ValueError(f"image of {height}x{width} pixels: expected at least {2 * least} on a side")
    offsets = _ring(least, min(most, height // 2, width // 2), y.device)
    drawn = offsets[torch.randint(len(offsets), y.shape, generator=generator, device=y.device)]
    rows = _inside(torch.arange(height, device=y.device)[:, None], drawn[..., 0], height)
    columns = _inside(torch.arange(width, device=y.device), drawn[..., 1], width)
    return rows * width + columns


def around(y: torch.Tensor, square: int = 1, visible: torch.Tensor | None = None) -> torch.Tensor:
    """The mean of the pixels that frame the square x square ones around each pixel, weighted by 1 / (rows + columns away).

    For one pixel that is the kernel [.5 1 .5; 1 0 1; .5 1 .5] / 6. Those that are not visible (0; default: all are, 1) have no
    weight; where none is, the mean is 0.

    Notes
    -----
    The released codes pad with zeros, which darkens the edges; here what is beyond the edge has no weight. (An image that is
    reflected or repeated at its edge would show pixels of the square.)
    """
    height, width = y.shape[-2:]
    reach = square // 2 + 1
    sides = range(-reach, reach + 1)
    frame = [(i, j) for i in sides for j in sides if max(abs(i), abs(j)) == reach]

    def total(image: torch.Tensor) -> torch.Tensor:
        padded = F.pad(image, [reach] * 4)
        moved = (padded[..., reach + i :, reach + j :][..., :height, :width] / (abs(i) + abs(j)) for i, j in frame)
        return torch.stack(list(moved)).sum(dim=0)

    if visible is None:
        return total(y) / total(torch.ones_like(y[:1, :1]))
    return total(y * visible) / total(visible).clamp(min=1e-6)


def grid(y: torch.Tensor, which: torch.Tensor | int) -> torch.Tensor:
    """The mask of one of the `GRIDS` grids, (1, 1, H, W), or of one for each image, (N, 1, H, W) for `which` (N, 1, 1)."""
    rows, columns = (torch.arange(size, device=y.device) % SIDE for size in y.shape[-2:])
    return (SIDE * rows[:, None] + columns == which).to(y.dtype).reshape(-1, 1, *y.shape[-2:])


def unseen(
    denoiser: Callable[[torch.Tensor], torch.Tensor], y: torch.Tensor, grids: Iterable[torch.Tensor | int] = range(GRIDS)
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a denoiser makes of pixels that it does not see: of each grid, hidden by the mean around its pixels.

    Returns the image, 0 where no grid has a pixel, and the mask of the grids.
    """
    instead, image, mask = around(y), torch.zeros_like(y), torch.zeros_like(y[:, :1])
    for which in grids:
        one = grid(y, which)
        image = image + one * denoiser(torch.where(one > 0, instead, y))
        mask = mask + one
    return image, mask


def mean_squared_at(mask: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """Mean square of a difference in grey levels over a mask, in units of the network's output squared."""
    return (mask * (difference / UNIT).square()).sum() / mask.expand_as(difference).sum()


def _at(places: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The pixels of y at these places (of `elsewhere`)."""
    return y.flatten(-2).gather(-1, places.flatten(-2)).reshape(y.shape)


def _inside(place: torch.Tensor, offset: torch.Tensor, size: int) -> torch.Tensor:
    """place + offset, or place - offset where that is beyond the edge."""
    moved = place + offset
    return torch.where((moved < 0) | (moved >= size), place - offset, moved)


@cache  # so that no step waits for a copy to the device
def _ring(least: int, most: int, device: torch.device) -> torch.Tensor:
    """All (row, column) offsets of that size, in rows or columns, whichever are more."""
    sides = range(-most, most + 1)
    return torch.tensor([(i, j) for i in sides for j in sides if max(abs(i), abs(j)) >= least], device=device)

"""GroupNorm whose statistics are of a window around each pixel, not of the whole image.

In training the statistics are those of a patch. Over a whole image they are others, and the network meets features scaled as it
never saw them (Chu, Chen, Chen, Lu, "Improving Image Restoration by Revisiting Global Information Aggregation", ECCV 2022,
https://arxiv.org/abs/2112.04491, who take windows of the size of a patch as well).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional as F

#: Cells along a window's side. Statistics are exact at every second cell, and interpolated between.
_CELLS = 4
#: Elements that a CPU works on at a time: what is made of them on the way stays in its cache.
_AT_ONCE = 2**18


@dataclass(frozen=True)
class Axis:
    """Where windows lie along one side of the features.

    Parameters
    ----------
    cell : int
        Features that are summed first.
    step : int
        Features between two windows; the first window belongs to the middle of the first `step` features, and so on.
    shares : Tensor
        (windows, cells) float64: what part of each window each cell is; rows sum to 1.
    """

    cell: int
    step: int
    shares: torch.Tensor


def axis(length: int, window: int, device: torch.device | str = "cpu") -> Axis:
    """Windows along a side of `length` features: shifted inward at the ends; one window of all where that is no longer.

    Where 4 divides `window`, windows begin and end where cells do, but for those that are shifted at the far end. A cell that a
    window cuts through counts by the part that is inside.
    """
    cell = max(1, window // _CELLS)
    ends = torch.arange(-(-length // cell) + 1, dtype=torch.float64, device=device).mul(cell).clamp(max=length)
    if length <= window:
        return Axis(cell, length, (ends.diff() / length)[None])
    step = 2 * cell
    middles = (torch.arange(-(-length // step), dtype=torch.float64, device=device) + 0.5) * step
    first = (middles - window / 2).clamp(0, length - window)[:, None]
    inside = torch.minimum(first + window, ends[1:]) - torch.maximum(first, ends[:-1])
    return Axis(cell, step, inside.clamp(min=0) / window)


def moments(x: torch.Tensor, groups: int, rows: Axis, columns: Axis) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of each group of channels over each window: (N, C, H, W) to twice (N, groups, windows, windows).

    Cells are averaged in float32, all else in float64. So the variance is off by some 1e-7 of the mean square, as it is in
    PyTorch's own GroupNorm of features whose channels come last.
    """
    size = (rows.cell, columns.cell)
    means, squares = [], []
    for strip in _strips(x, rows.cell):
        part = x[:, :, strip].float()
        means.append(F.avg_pool2d(part, size, ceil_mode=True))
        squares.append(F.avg_pool2d(part.square(), size, ceil_mode=True))
    cells = torch.stack([torch.cat(means, dim=2), torch.cat(squares, dim=2)]).unflatten(2, (groups, -1)).mean(3)
    mean, square = rows.shares @ cells.double() @ columns.shares.T
    return mean, (square - mean.square()).clamp(min=0)


def local_group_norm(
    x: torch.Tensor, groups: int, weight: torch.Tensor, bias: torch.Tensor, eps: float, window: int
) -> torch.Tensor:
    """GroupNorm of (N, C, H, W) features with the statistics of `window` x `window` features around each pixel; no gradient.

    A window lies inside the image: near an edge it is the one that touches the edge, and along a side that is not longer than
    it, all of the side. Scale and shift are exact on a grid of half the window's side, and bilinear between: so a part of an
    image gives what the whole gives there, but for a rim, where it begins at a multiple of that step.
    """
    height, width = x.shape[-2:]
    rows, columns = (axis(length, window, x.device) for length in (height, width))
    mean, variance = (values.repeat_interleave(x.shape[1] // groups, 1) for values in moments(x, groups, rows, columns))
    scale = weight[:, None, None] * torch.rsqrt(variance + eps)
    shift = bias[:, None, None] - scale * mean
    maps = [_resized(_like(values.float(), x), rows.step, 1) for values in (scale, shift)]
    result = torch.empty_like(x)
    for strip in _strips(x, 1):
        scale, shift = (_resized(values[:, :, strip], 1, columns.step)[..., :width] for values in maps)
        torch.addcmul(shift, x[:, :, strip], scale, out=result[:, :, strip])
    return result


def _resized(values: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """Bilinear between the middles of blocks of `down` x `across` features, constant beyond the outermost."""
    return F.interpolate(values, scale_factor=(float(down), float(across)), mode="bilinear")


def _like(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`values` in the memory layout of `x`."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return values.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def _strips(x: torch.Tensor, multiple: int) -> Iterator[slice]:
    """Rows of features to work on at a time, a multiple of `multiple`: all at once on a GPU."""
    height = x.shape[-2]
    count = height if x.is_cuda else max(1, _AT_ONCE // (x[:, :, :1].numel() * multiple)) * multiple
    return (slice(first, min(height, first + count)) for first in range(0, height, count))

"""Attention in which a pixel sees a window around it, not the whole image: as many pixels as in training, at any size."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def local_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int) -> torch.Tensor:
    """Softmax attention of (N, heads, D, H, W) queries, each over `window` x `window` keys: of the shape of `v`.

    The queries of a block of half the window's side share the window around it, which lies inside the image: near an edge it
    is the one that touches the edge, and along a side that is not longer than it, all of the side.
    """
    height, width = q.shape[-2:]
    (rows, seen_rows), (columns, seen_columns) = (_places(length, window, q.device) for length in (height, width))
    keys, values = (_taken(x, seen_rows, seen_columns) for x in (k, v))
    result = F.scaled_dot_product_attention(_taken(q, rows, columns), keys, values)
    # to (N, heads, D, block rows, rows, block columns, columns)
    result = result.unflatten(0, (len(q), len(rows), len(columns))).unflatten(-2, (rows.shape[1], columns.shape[1]))
    result = result.permute(0, 3, 6, 1, 4, 2, 5)
    return result.flatten(5, 6).flatten(3, 4)[..., :height, :width]


def _places(length: int, window: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Along one side, the queries of each block and the keys that they see: (blocks, block), (blocks, window)."""
    block = length if length <= window else max(1, window // 2)
    window = min(window, length)
    first = torch.arange(0, length, block, device=device)[:, None]
    queries = first + torch.arange(block, device=device)
    seen = (first + (block - window) // 2).clamp(0, length - window) + torch.arange(window, device=device)
    return queries.clamp(max=length - 1), seen  # the last block's queries beyond the edge are cut off again


def _taken(values: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """(N, heads, D, H, W) to (N * blocks, heads, pixels of a block, D)."""
    taken = values[..., rows, :][..., columns]  # (N, heads, D, block rows, rows, block columns, columns)
    return taken.permute(0, 3, 5, 1, 4, 6, 2).flatten(4, 5).flatten(0, 2)

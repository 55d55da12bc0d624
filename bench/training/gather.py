"""Patches of many images by one gather: on a GPU, starting a kernel for each patch takes longer than its work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

Whole = npt.NDArray[np.int64]


def packed(images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The (C, H, W) images as views of one tensor, in which they lie one after the other."""
    values = torch.cat([image.flatten() for image in images]) if images else torch.empty(0)
    parts = values.split([image.numel() for image in images])
    return [part.view(image.shape) for part, image in zip(parts, images, strict=True)]


def gathered(
    images: Sequence[torch.Tensor], chosen: Whole, corners: Whole, turns: Whole, size: int, pixels: torch.Tensor
) -> torch.Tensor:
    """Patches of packed images.

    Parameters
    ----------
    chosen : ndarray, shape (n,)
        The image of each patch.
    corners : ndarray, shape (n, 2)
        Its first row and column there.
    turns : ndarray, shape (n,)
        Its position, 0 to 7.
    pixels : Tensor, shape (8, size * size)
        For each position, which pixel of the patch is where.

    Returns
    -------
    Tensor, shape (n, C, size, size)
    """
    picked = [images[index] for index in chosen.tolist()]
    widths = np.array([image.shape[-1] for image in picked])
    planes = np.array([image.shape[-2] * image.shape[-1] for image in picked])
    firsts = np.array([image.storage_offset() for image in picked]) + corners[:, 0] * widths + corners[:, 1]
    told = torch.from_numpy(np.stack([firsts, widths, planes, turns])).to(pixels.device, non_blocking=True)
    first, width, plane, turn = told[:, :, None].unbind()
    inside = pixels[turn[:, 0]]
    inside = inside // size * width + inside % size
    channels = torch.arange(picked[0].shape[0], device=pixels.device)
    places = (first + plane * channels)[..., None] + inside[:, None]
    whole = picked[0].as_strided((picked[0].untyped_storage().nbytes() // picked[0].element_size(),), (1,), 0)
    return whole.take(places).view(*places.shape[:2], size, size)

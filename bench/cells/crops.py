"""Crops of a cell's results for the report: where they are cut, and what is stored of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.data.sets import Image
from bench.plan.cells import Entry
from bench.runs import store

#: Side of the stored crops, at most (pixels).
CROP = 128


def keep_crops(directory: Path, entry: Entry, image: Image, denoised: torch.Tensor, clean: torch.Tensor) -> dict[str, Any]:
    """Store a crop of the denoised image, and of the clean one; returns the record of both."""
    side = min(CROP, *clean.shape[-2:])
    top, left = detailed_window(clean, side)
    window = np.s_[..., top : top + side, left : left + side]
    name = f"{image.dataset}--{image.name}.png"
    own, reference = Path("crops") / entry.noise / f"{entry.method}--{name}", Path("crops") / "clean" / name
    own_sha256 = store.write_crop(directory / own, denoised[window])
    clean_sha256 = store.write_crop(directory / reference, clean[window])
    return {
        "dataset": image.dataset,
        "image": image.name,
        "file": own.as_posix(),
        "sha256": own_sha256,
        "clean": reference.as_posix(),
        "clean_sha256": clean_sha256,
        "top": top,
        "left": left,
        "size": side,
    }


def detailed_window(clean: torch.Tensor, side: int) -> tuple[int, int]:
    """Top and left of the window with the most detail: the largest variance of the grey values, on a grid of 16 pixels."""
    grey = clean.mean(dim=0)
    best, place = -1.0, (0, 0)
    for top in range(0, grey.shape[0] - side + 1, 16):
        for left in range(0, grey.shape[1] - side + 1, 16):
            variance = float(grey[top : top + side, left : left + side].var())
            if variance > best:
                best, place = variance, (top, left)
    return place

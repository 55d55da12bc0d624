"""Crops of a cell's results for the report: where they are cut, and what is stored of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.cells.centre import centre
from bench.data.measured import Shot
from bench.data.sets import Image
from bench.files.short_names import short_name
from bench.plan.cells import Entry
from bench.runs import store

#: Side of the stored crops, at most (pixels).
CROP = 128

#: Names that any file system takes as they are.
_PLAIN = re.compile(r"[A-Za-z0-9._+-]{1,100}")


def file_stems(images: Iterable[Image]) -> dict[tuple[str, str], str]:
    """What the files of each image's crops are called, by data set and name: short, and unique on every file system.

    `SET--NAME` where that is short and plain, and no other image's in any case of its letters; else its beginning and a hash.
    """
    keys = list(dict.fromkeys((image.dataset, image.name) for image in images))
    uses = Counter(f"{dataset}--{name}".casefold() for dataset, name in keys)
    stems = {}
    for dataset, name in keys:
        stem = f"{dataset}--{name}"
        if uses[stem.casefold()] > 1 or not _PLAIN.fullmatch(stem):
            digest = hashlib.sha256(f"{dataset}/{name}".encode()).hexdigest()[:12]  # no name holds a slash
            stem = f"{re.sub('[^A-Za-z0-9._+-]+', '_', stem)[:60]}--{digest}"
        stems[dataset, name] = stem
    return stems


def keep_crops(
    directory: Path,
    entry: Entry,
    image: Image,
    stem: str,
    denoised: torch.Tensor,
    clean: torch.Tensor,
    within: int = 0,
) -> dict[str, Any]:
    """Store a crop of the denoised image, and of the clean one, in files of that stem; returns the record of both.

    With `within` it is of the image's centre of that side, the same for all methods: some have denoised no more, and
    `denoised` is that centre. Of measured noise without a clean image, there is no crop of it.
    """
    inner = centre(clean, within)
    side = min(CROP, *inner.shape[-2:])
    top, left = detailed_window(inner, side)
    window = np.s_[..., top : top + side, left : left + side]
    height, width = ((whole - part) // 2 for whole, part in zip(clean.shape[-2:], inner.shape[-2:], strict=True))
    name = f"{stem}.png"
    own, reference = (
        Path("crops") / short_name(entry.noise) / f"{short_name(entry.method)}--{name}",
        Path("crops") / "clean" / name,
    )
    own_sha256 = store.write_crop(directory / own, centre(denoised, within)[window])
    unseen = isinstance(image, Shot) and image.clean is None
    clean_sha256 = "" if unseen else store.write_crop(directory / reference, inner[window])
    return {
        "dataset": image.dataset,
        "image": image.name,
        "file": own.as_posix(),
        "sha256": own_sha256,
        "clean": "" if unseen else reference.as_posix(),
        "clean_sha256": clean_sha256,
        "top": height + top,
        "left": width + left,
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

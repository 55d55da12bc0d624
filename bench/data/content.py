"""What is odd about the pixels of an image, whatever its file says: that there is nothing in it, or no colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.data.images import Pixels

#: Blank: in each channel at least this share of the values lies within so many neighbouring grey levels. A cap on the lens, a
#: sheet of paper and a frame with a few hot pixels are; a clear sky, which has a gradient, is not.
BLANK_SHARE, BLANK_LEVELS = 0.99, 7

#: Grey: in at least this share of the pixels the channels are at most so many grey levels apart.
GREY_SHARE, GREY_LEVELS = 0.99, 4

#: Every so many pixels tell first whether an image may be odd at all: few are, and large ones take long.
_STEP = 8
#: Grey levels that are as good as any further from 0.
_FAR = 1000


def is_blank(pixels: Pixels) -> bool:
    """Whether an (H, W, C) image is constant, or nearly."""
    return _flat(pixels[::_STEP, ::_STEP], BLANK_SHARE - 0.1) and _flat(pixels, BLANK_SHARE)


def is_grey(pixels: Pixels) -> bool:
    """Whether the channels of an (H, W, C) image are equal, or nearly: what was scanned or compressed is hardly exact."""
    return _equal(pixels[::_STEP, ::_STEP], GREY_SHARE - 0.1) and _equal(pixels, GREY_SHARE)


def _flat(pixels: Pixels, share: float) -> bool:
    least = share * pixels.shape[0] * pixels.shape[1]
    for channel in range(pixels.shape[2]):
        levels: Any = pixels[..., channel]
        if pixels.dtype != np.uint8:  # measured noise goes below 0, and beyond white
            levels = np.clip(np.rint(levels), -_FAR, _FAR).astype(np.int64) + _FAR
        counts = np.bincount(levels.ravel(), minlength=256)
        if np.convolve(counts, np.ones(BLANK_LEVELS)).max() < least:
            return False
    return True


def _equal(pixels: Pixels, share: float) -> bool:
    return bool((np.ptp(pixels, axis=2) <= GREY_LEVELS).mean() >= share)

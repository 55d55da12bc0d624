"""One channel or three: which of the two a run's images have, and images of the one made of the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.data.content import is_blank, is_grey
from bench.data.formats import Pixels

#: Weights of red, green and blue in a grey value: MATLAB's rgb2gray (ITU-R BT.601), by which the grey BSD68 was made. They are
#: commonly told as 0.2989, 0.5870 and 0.1140; these are the digits that MATLAB has, and their sum is 1.
WEIGHTS = (0.298936021293775, 0.587043074451121, 0.114020904255103)
WORDS = "0.2989 R + 0.5870 G + 0.1140 B"


def channels_for(colour: str, tests: Sequence[Pixels]) -> int:
    """How many channels a run has by `--colour`: 1 for "grey", 3 for "rgb"; for "auto" what the test images are.

    That is 1 where all of them are grey (blank ones aside, which may be either), 3 where any is in colour. Training images
    have no say: who tests grey images wants a method for grey images.
    """
    if colour != "auto":
        return 1 if colour == "grey" else 3
    telling = [pixels for pixels in tests if not is_blank(pixels)]
    return 1 if telling and all(is_grey(pixels) for pixels in telling) else 3


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """An (H, W, 3) or (H, W, 1) image with so many channels, of the same kind of numbers."""
    if pixels.shape[2] == channels:
        return pixels
    return grey_of(pixels) if channels == 1 else np.repeat(pixels, 3, axis=2)


def grey_of(pixels: Pixels) -> Pixels:
    """The grey image, (H, W, 1), of an (H, W, 3) one: the sum by `WEIGHTS`, of whole numbers rounded (halves up).

    Where the channels are equal, it is any of them.
    """
    if not has_colour(pixels):
        return pixels[..., :1].copy()
    summed = np.zeros(pixels.shape[:2])
    for channel, weight in enumerate(WEIGHTS):
        summed += weight * pixels[..., channel]
    grey = np.floor(summed + 0.5) if pixels.dtype == np.uint8 else summed
    return grey.astype(pixels.dtype)[..., None]


def has_colour(pixels: Pixels) -> bool:
    """Whether the channels of an image differ anywhere."""
    return pixels.shape[2] > 1 and not (
        np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2])
    )


def made_grey(tests: Sequence[Pixels], training: Sequence[Pixels]) -> str:
    """A sentence on the images in colour that a run makes grey; "" where there are none."""
    counts = [(sum(map(has_colour, images)), role, len(images)) for role, images in (("test", tests), ("training", training))]
    told = [f"{count} of {of} {role} images" for count, role, of in counts if count]
    if not told:
        return ""
    return f"{' and '.join(told)} are in colour: made grey, as all are here, by {WORDS} (MATLAB's rgb2gray)."

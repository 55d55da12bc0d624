"""What lies beside a noisy image, clean or a further shot: of one scene, size and colour, and not the image again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.apart.separation import Fingerprint, likeness
from bench.data.frames import Source, list_sources
from bench.data.images import problem
from bench.errors import one_line

Array = npt.NDArray[Any]

#: Beyond this ratio of their mean brightness, two images are hardly of one exposure and scale.
BRIGHTER = 1.25

#: Below this ratio of the noise in them (as `_noise` has it), two images are hardly shots of one law.
QUIETER = 0.5
#: Below this (grey levels) there is too little noise to compare.
_LEAST_NOISE = 0.5
#: Side of the blocks by which noise is told from structure (pixels).
_BLOCK = 16

#: Below this correlation of their coarse structure two images are hardly of one scene. 126 noisy images of four sets of real
#: noise correlate by 0.98 and more with their clean ones, and with those of other scenes by 0.0 to 0.3 in the median (retinas,
#: which are alike, by 0.9).
LIKE = 0.5


def partners_of(folder: Path, noisy: Sequence[Source], kind: str) -> list[Source]:
    """The images of the same names, in the same order. Raises UsageError where one is missing; `kind` names the noisy ones."""
    there = {source.name: source for source in list_sources(folder)}
    for source in noisy:
        if source.name not in there:
            raise problem(folder, f"no image {one_line(source.name)}", f"one for each in {kind}/")
    return [there[source.name] for source in noisy]


def refuse_partner(source: Source, pixels: Array, noisy: Array, shot: bool) -> None:
    """Raise UsageError for an image of another size than the noisy one, or the same again; `shot`: it is a further shot.

    Equal images with nothing in them are let pass: an empty field is empty in all its images.
    """
    (height, width), (rows, columns) = pixels.shape[:2], noisy.shape[:2]
    if (height, width) != (rows, columns):
        raise problem(source, f"{width}x{height} pixels", f"{columns}x{rows}, as the noisy image has")
    if np.array_equal(pixels, noisy) and pixels.min() != pixels.max():
        expected = "another shot, of independent noise" if shot else "one without its noise"
        raise problem(source, "the noisy image again, value by value", expected)


def refuse_clean(source: Source, pixels: Array, clean: Array) -> None:
    """Raise UsageError for a further shot that is the clean image, and so has no noise of its own."""
    if np.array_equal(pixels, clean) and pixels.min() != pixels.max():
        raise problem(source, "the clean image, value by value", "another shot, of independent noise")


def refuse_grey(source: Source, pixels: Array, noisy: Array) -> None:
    """Raise UsageError for an image in colour beside a noisy one without: that has not the noise of each channel."""
    if not _coloured(noisy) and _coloured(pixels):
        raise problem(source, "an image in colour, and the noisy one is grey", "both alike, or --colour grey")


def _coloured(pixels: Array) -> bool:
    return pixels.shape[2] == 3 and bool((pixels != pixels[..., :1]).any())


def unlike(name: str, prints: Sequence[tuple[Fingerprint, Fingerprint]]) -> str:
    """A sentence on pairs of a noisy image and its partner that are hardly of one scene; "" where there are none."""
    found = [(likeness(*pair), pair[0].label) for pair in prints]
    odd = sorted((like, label) for like, label in found if like < LIKE)
    if not odd:
        return ""
    like, label = odd[0]
    return one_line(
        f"{len(odd)} of {len(found)} noisy images of {name} are unlike what lies beside them, {label} most (their coarse "
        f"structure correlates by {like:.2f}): scores mean something only where both are of one scene."
    )


def unevenly_bright(name: str, pairs: Sequence[tuple[str, Array, Array]]) -> str:
    """A sentence on noisy images, by label, and their partners, in grey levels, whose brightness differs; "" for none."""
    ratios = [(abs(math.log(_mean(noisy) / _mean(other))), _mean(noisy) / _mean(other), label) for label, noisy, other in pairs]
    odd = [found for found in ratios if found[0] > math.log(BRIGHTER)]
    if not odd:
        return ""
    _, ratio, label = max(odd)
    return one_line(
        f"{len(odd)} of {len(ratios)} noisy images of {name} are not as bright as what lies beside them, {label} most "
        f"({ratio:.2g} times as bright on average): scores count that as an error. "
        "Both are to be of one exposure and one white level."
    )


def quieter(name: str, pairs: Sequence[tuple[str, Array, Array]]) -> str:
    """A sentence on noisy images, by label, whose further shots (grey levels both) have far less noise; "" for none."""
    found = [(_noise(other) / _noise(noisy), label) for label, noisy, other in pairs if _noise(noisy) > _LEAST_NOISE]
    odd = [each for each in found if each[0] < QUIETER]
    if not odd:
        return ""
    ratio, label = min(odd)
    return one_line(
        f"{len(odd)} of {len(pairs)} images of {name} have far less noise than the first shots, that of {label} least "
        f"({ratio:.2g} times as much): scores take both for shots of one law. What is nearly free of noise belongs into clean/."
    )


def _noise(pixels: Array) -> float:
    """Root mean square of diagonal differences (Haar) in the median block: the noise's, but for texture everywhere."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    own = pixels[:height, :width].astype(np.float64)
    square = ((own[::2, ::2] - own[1::2, ::2] - own[::2, 1::2] + own[1::2, 1::2]) / 2) ** 2
    half = min(_BLOCK // 2, *square.shape[:2])
    rows, columns = (side // half for side in square.shape[:2])
    blocks = square[: rows * half, : columns * half].reshape(rows, half, columns, half, -1)
    return math.sqrt(float(np.median(blocks.mean(axis=(1, 3, 4)))))


def _mean(pixels: Array) -> float:
    """Above 0, at least half a grey level: darker images tell no ratio."""
    return max(0.5, float(pixels.mean()))

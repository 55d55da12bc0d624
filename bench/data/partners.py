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

#: Below this ratio of their noise, two images are hardly shots of one law: where it is sure, by so many standard errors.
QUIETER, SURE = 0.5, 5.0

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
    found = [(_noise_ratio(noisy, other), label) for label, noisy, other in pairs]
    odd = [each for each in found if each[0] < QUIETER]
    if not odd:
        return ""
    ratio, label = min(odd)
    return one_line(
        f"{len(odd)} of {len(pairs)} images of {name} have far less noise than the first shots, that of {label} least "
        f"({ratio:.2g} times as much): scores take both for shots of one law. What is nearly free of noise belongs into clean/."
    )


def _noise_ratio(noisy: Array, other: Array) -> float:
    """Standard deviation of the noise in the other shot, in units of the first's; 1 where it is not sure that they differ.

    With a and b the differences of neighbours in both, the scene cancels in the means of a (a - b) and b (b - a).
    """
    first, second = (_differences(pixels) for pixels in (noisy, other))
    excess = first**2 - second**2
    sure = excess.size > 1 and excess.mean() > SURE * excess.std() / math.sqrt(excess.size)
    variance, rest = float((first * (first - second)).mean()), float((second * (second - first)).mean())
    return math.sqrt(max(0.0, rest) / variance) if sure and variance > 0 else 1.0


def _differences(pixels: Array) -> Array:
    """Between neighbours, every other pixel taken: rows, then columns."""
    own = pixels.astype(np.float64)
    return np.concatenate([(own[1::2] - own[:-1:2]).ravel(), (own[:, 1::2] - own[:, :-1:2]).ravel()])


def _mean(pixels: Array) -> float:
    """Above 0, at least half a grey level: darker images tell no ratio."""
    return max(0.5, float(pixels.mean()))

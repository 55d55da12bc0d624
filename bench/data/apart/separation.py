"""No test image, nor a near duplicate, may be in the training set: the check, on whole images before any crop.

Within a test set they may be, and are found by `repeats`, so that a picture counts once in tests.

An image is reduced to the 8x8 lowest DCT frequencies of a 32x32 grey copy. Two images are near duplicates where, in one
of the 8 rotations and flips, both

- their 64-bit perceptual hashes (coefficient above the median or not) differ in at most `MAX_BITS` bits, and
- the coefficients without the mean correlate by at least `MIN_CORRELATION`,

or where one is that of the other's negative.

The thresholds were measured on 629 photographs (Kodak, CSet9, BSDS500, DIV2K). Of all 197 506 pairs of different
pictures the closest are 12 bits apart and 50 are within 14, but none of those correlates above 0.85. Caught of 629
copies each: all that were flipped, turned, made grey, halved, 30 % darker, saved as JPEG of quality 30, or had 2 % cut
off every side (up to 14 bits, correlation from 0.92); all but one that were 20 % brighter, saved at quality 10, had
noise of std 25 added (the one is an all but white wall) or a gamma of 0.7; four in five with 5 % cut off every side. A
small part of a picture, such as a crop of a quarter, is not found: this finds copies (parts: `bench.data.apart.overlap`).

Of an image without structure (32x32 copy of std below `FLAT` grey levels: paper, a lens cap) the hash means nothing, so
it is compared by its exact pixels, over the same rotations and flips. Pictures of mere grain have random hashes, which
the correlation keeps from matching by chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy.fft import dctn

from bench.errors import UsageError

Floats = npt.NDArray[np.float64]

#: A near duplicate: largest Hamming distance (of 64 bits), smallest correlation. A flat image: std below, grey levels.
MAX_BITS = 14
MIN_CORRELATION = 0.9
FLAT = 0.1

_SIDE = 32  # pixels of the grey copy
_LOW = 8  # frequencies kept in each direction
_SHOWN = 3  # pairs named in a message


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What the check needs of one image.

    Parameters
    ----------
    label : str
        Names the image in messages (data set and name).
    coefficients : ndarray, shape (8, 8)
        The lowest orthonormal DCT coefficients of its 32x32 grey copy, grey levels.
    exact : str
        Of an image that is compared by its exact pixels, a hash of them that is the same for all rotations and flips; else ''.
    """

    label: str
    coefficients: Floats
    exact: str


def fingerprint(label: str, pixels: npt.NDArray[Any], exactly: bool = False) -> Fingerprint:
    """The fingerprint of a whole image, (H, W, 3) uint8 RGB, or (H, W, C) of other numbers, of whatever white level.

    `exactly`: it is compared by its exact pixels, as a flat one is.
    """
    grey = _grey(pixels)  # of mode F: the averages are not rounded
    small = np.asarray(grey.resize((_SIDE, _SIDE), Pillow.Resampling.BOX), dtype=np.float64)
    coefficients = dctn(small, norm="ortho")[:_LOW, :_LOW].copy()
    return Fingerprint(label, coefficients, _exact(pixels) if exactly or small.std() < FLAT else "")


def _grey(pixels: npt.NDArray[Any]) -> Any:
    if pixels.dtype == np.uint8:
        return Pillow.fromarray(pixels).convert("L").convert("F")
    brightness = pixels.mean(axis=2, dtype=np.float64)
    return Pillow.fromarray((brightness * (255 / max(float(brightness.max()), 1e-30))).astype(np.float32))


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    """Correlation of the coarse structure of two images as they lie; 1 where one has hardly any: then nothing can be said."""
    pair = np.stack([one.coefficients, other.coefficients])
    structure = np.linalg.norm(pair.reshape(2, -1)[:, 1:], axis=1) / _SIDE  # root mean square, grey levels
    first, second = _units(pair)
    return float(first @ second) if structure.min() >= 1 else 1.0


def check(test: Iterable[Fingerprint], training: Iterable[Fingerprint]) -> str:
    """Compare every test image with every training image.

    Returns
    -------
    str
        One sentence for the record: the number of pairs, the closest distance, the thresholds.

    Raises
    ------
    UsageError
        One line with the number of pairs that are the same picture and the first few of them by label.
    """
    tests, trainings = list(test), list(training)
    same, closest = _structured([t for t in tests if not t.exact], [t for t in trainings if not t.exact])
    same += _flat([t for t in tests if t.exact], [t for t in trainings if t.exact])
    if same:
        more = f" and {len(same) - _SHOWN} more" if len(same) > _SHOWN else ""
        pairs = f"{len(same)} pair{'s' if len(same) > 1 else ''}"
        raise UsageError(
            f"test images among the training images ({pairs}): {'; '.join(same[:_SHOWN])}{more}; "
            "expected no test image, nor a near duplicate, in the training set"
        )
    number = len(tests) * len(trainings)
    return (
        f"{len(tests)} test x {len(trainings)} training images: none of the {number} pairs is a near duplicate"
        f"{closest} (near duplicate: at most {MAX_BITS} of 64 hash bits apart with a low-frequency correlation of at "
        f"least {MIN_CORRELATION}, in any of 8 rotations and flips)"
    )


def repeats(images: Iterable[Fingerprint]) -> list[list[int]]:
    """Groups of near duplicates among these images: the places of each, ascending; an image like no other is in none.

    Two images that are both near duplicates of a third are in its group.
    """
    prints = list(images)
    group = list(range(len(prints)))  # the first place of each image's group

    def join(one: int, other: int) -> None:
        first, second = sorted((group[one], group[other]))
        if first != second:
            group[:] = [first if place == second else place for place in group]

    structured = [index for index, one in enumerate(prints) if not one.exact]
    if structured:
        known = np.stack([prints[index].coefficients for index in structured])
        signs, units = _signs(known), _units(known)
        for index in structured:
            _, _, near = _compare(prints[index], signs, units)
            for other in near:
                join(index, structured[other])
    flat: dict[str, int] = {}
    for index, one in enumerate(prints):
        if one.exact:
            join(index, flat.setdefault(one.exact, index))
    groups: dict[int, list[int]] = {}
    for index, first in enumerate(group):
        groups.setdefault(first, []).append(index)
    return [places for places in groups.values() if len(places) > 1]


def _structured(tests: list[Fingerprint], trainings: list[Fingerprint]) -> tuple[list[str], str]:
    """Near duplicates in words, and the closest pair in words."""
    if not tests or not trainings:
        return [], ""
    train = np.stack([t.coefficients for t in trainings])
    train_signs, train_units = _signs(train), _units(train)
    same: list[str] = []
    closest = (65, 0.0)
    for one in tests:
        bits, correlation, near = _compare(one, train_signs, train_units)
        for i in near:
            least, other = int(bits[:, i].min()), int(_LOW * _LOW - bits[:, i].max())
            told = f"{least} bits" if least <= other else f"the negative, {other} bits"
            same.append(f"{one.label} = {trainings[i].label} ({told})")
        turn, at = divmod(int(bits.argmin()), len(trainings))
        if bits[turn, at] < closest[0]:
            closest = (int(bits[turn, at]), float(correlation[turn, at]))
    return same, f", the closest being {closest[0]} bits apart with a correlation of {closest[1]:.2f}"


def _compare(one: Fingerprint, signs: Floats, units: Floats) -> tuple[Floats, Floats, list[int]]:
    """Distances in bits and correlations of an image in its 8 orientations to n others (8, n), and which it is like."""
    turned = _orientations(one.coefficients)
    # With +-1 for the bits, 64 - 2 x distance is an inner product: one matrix product counts them all.
    bits = (_LOW * _LOW - _signs(turned) @ signs.T) / 2
    correlation = _units(turned) @ units.T
    other = _LOW * _LOW - bits  # to its negative
    near = (
        (bits <= MAX_BITS) & (correlation >= MIN_CORRELATION) | (other <= MAX_BITS) & (correlation <= -MIN_CORRELATION)
    ).any(0)
    return bits, correlation, np.flatnonzero(near).tolist()


def _flat(tests: list[Fingerprint], trainings: list[Fingerprint]) -> list[str]:
    labels: dict[str, str] = {}
    for one in trainings:
        labels.setdefault(one.exact, one.label)
    return [f"{one.label} = {labels[one.exact]} (same pixels)" for one in tests if one.exact in labels]


def _orientations(coefficients: Floats) -> Floats:
    """The coefficients of all 8 rotations and flips, (8, 8, 8): a flip negates odd frequencies, a turn transposes."""
    odd = (-1.0) ** np.arange(_LOW)
    flips = (np.ones((_LOW, _LOW)), np.tile(odd, (_LOW, 1)), np.tile(odd[:, None], (1, _LOW)), np.outer(odd, odd))
    return np.stack([c * flip for c in (coefficients, coefficients.T) for flip in flips])


def _signs(coefficients: Floats) -> Floats:
    """(n, 64) hash bits as +1 and -1."""
    flat = coefficients.reshape(len(coefficients), -1)
    return np.where(flat > np.median(flat, axis=1, keepdims=True), 1.0, -1.0)


def _units(coefficients: Floats) -> Floats:
    """(n, 64) coefficients without the mean, of length 1: inner products are correlations."""
    flat = coefficients.reshape(len(coefficients), -1).copy()
    flat[:, 0] = 0.0
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


def _exact(pixels: npt.NDArray[Any]) -> str:
    turned = [np.rot90(side, k) for side in (pixels, pixels[:, ::-1]) for k in range(4)]
    return min(hashlib.sha256(repr(t.shape).encode() + np.ascontiguousarray(t).tobytes()).hexdigest() for t in turned)

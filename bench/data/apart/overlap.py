"""No part of a test image may be in the training set: the check for equal pixels, wherever they lie in the two images.

`separation` beside this finds copies of whole images; this finds what was cut out, or shifted, and stored as it was. Of each
training image up to `TRIED` squares of `SIDE` pixels, evenly spread, are looked for at all places of every test image, in all
8 rotations and flips, by hashes that are rolled over it. Squares without structure, such as sky or a drawn ramp, are
equal by chance and not looked for.

Two images overlap where, laid one on the other as two equal squares or more say, all but a tenth of the squares that lie
on both are equal. So pages with the same words, or a logo, do not. Not found: what was compressed, scaled or changed in
brightness as well as cut, and parts with fewer than two of the squares (of an image of half a megapixel less than about
100 pixels wide).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from bench.errors import UsageError

Array = npt.NDArray[Any]

#: Side of a square (pixels), and how many of an image are tried at most.
SIDE, TRIED = 16, 128
#: Squares that must be equal, and the share of those that lie on both images.
LEAST, SHARE = 2, 0.9

_VALUES = 20  # different ones that a quarter of the pixels of a square with structure has
_EDGES = 0.05  # least ratio of second differences to standard deviation there: of a ramp 0
_SHOWN = 3  # overlaps named in a message
_MOST = 10_000  # equal places of an image that are looked at
_ROWS = 1024  # of a large image at a time
_ALONG, _DOWN = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # odd: bases of the hash, a polynomial modulo 2^64
_BITS = 24  # of a hash, for a first look


@dataclass(frozen=True, eq=False)
class Squares:
    """What the check needs of a training image.

    Parameters
    ----------
    label : str
        Names the image in messages.
    size : (int, int)
        Its height and width.
    places : ndarray, shape (n, 2)
        The squares' first row and column.
    hashes : ndarray, shape (n, 8), uint64
        Their hashes in all rotations and flips.
    """

    label: str
    size: tuple[int, int]
    places: Array
    hashes: Array


def numbers_of(pixels: Array) -> Array:
    """One number a pixel of an image (H, W, C), equal where pixels are: the brightness, and the same for a grey copy."""
    if pixels.dtype == np.uint8:
        return np.asarray(Pillow.fromarray(pixels).convert("L"))
    return np.asarray(pixels.mean(axis=2, dtype=np.float64))


def squares_of(label: str, pixels: Array) -> Squares:
    """The squares of a whole image, (H, W, C)."""
    numbers = numbers_of(pixels)
    rows, columns = (size // SIDE for size in numbers.shape)
    step = max(1.0, np.sqrt(rows * columns / TRIED))  # squares from one that is tried to the next, each way
    down, along = (np.arange(0, size, step).astype(int) * SIDE for size in (rows, columns))
    places = np.stack(np.meshgrid(down, along, indexing="ij"), axis=-1).reshape(-1, 2)
    tiles = np.stack([numbers[r : r + SIDE, c : c + SIDE] for r, c in places]) if len(places) else np.zeros((0, SIDE, SIDE))
    told = _have_structure(tiles)
    words = _words(tiles[told])
    turned = [np.rot90(each, k, axes=(1, 2)) for each in (words, words[:, :, ::-1]) for k in range(4)]
    hashes = np.stack([(each * _WEIGHTS).sum(axis=(1, 2), dtype=np.uint64) for each in turned], axis=1)
    return Squares(label, (numbers.shape[0], numbers.shape[1]), places[told], hashes)


def check(tests: Iterable[tuple[str, Array]], training: Iterable[Squares]) -> str:
    """Compare every test image, its label and its `numbers_of`, with every training image; returns a sentence for the record.

    Raises UsageError, one line with the number of test images that overlap a training image, and the first few of them.
    """
    found = overlaps(tests, training)
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(
            f"parts of test images in the training set ({len(found)} image{'s' * (len(found) > 1)}): "
            f"{'; '.join(found[:_SHOWN])}{more}; expected no part of a test image in the training set"
        )
    return (
        f"no test image overlaps a training image, of which up to {TRIED} squares of {SIDE}x{SIDE} pixels were looked for at "
        "all places, in 8 rotations and flips"
    )


def overlaps(tests: Iterable[tuple[str, Array]], training: Iterable[Squares]) -> list[str]:
    """In words, each test image, by its label and its `numbers_of`, that overlaps a training image, with the first such one."""
    known = [squares for squares in training if len(squares.places)]
    if not known:
        return []
    hashes = np.concatenate([squares.hashes.ravel() for squares in known])
    owners = np.repeat(np.arange(len(known)), [squares.hashes.size for squares in known])
    firsts = np.concatenate([[0], np.cumsum([squares.hashes.size for squares in known])])
    order = np.argsort(hashes, kind="stable")
    ordered, owners, inside = hashes[order], owners[order], order - firsts[owners[order]]
    likely = np.zeros(1 << _BITS, dtype=bool)
    likely[ordered >> np.uint64(64 - _BITS)] = True
    found = []
    for label, numbers in tests:
        votes: Counter[tuple[int, int, int, int]] = Counter()  # training image, turn, and its place on the test image
        for row, column, value in _hits(numbers, ordered, likely):
            for index in range(np.searchsorted(ordered, value, "left"), np.searchsorted(ordered, value, "right")):
                owner, (square, turn) = int(owners[index]), divmod(int(inside[index]), 8)
                (top, left), _ = _turned(known[owner].places[square], known[owner].size, turn)
                votes[owner, turn, row - top, column - left] += 1
        for (owner, turn, down, along), equal in votes.most_common(8):
            squares = known[owner]
            both = _on_both(squares, turn, (down, along), numbers.shape)
            if equal >= LEAST and equal >= SHARE * both:
                found.append(f"{label} and {squares.label} ({equal} of {both} squares of {SIDE}x{SIDE} pixels are equal)")
                break
    return found


def _have_structure(tiles: Array) -> Array:
    """Which of (n, SIDE, SIDE) tell their image: they have many values, and are no ramp."""
    ordered = np.sort(tiles[:, ::2, ::2].reshape(len(tiles), SIDE * SIDE // 4), axis=1)
    many = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1) >= _VALUES
    values = tiles.astype(np.float32)
    edges = np.maximum(*(np.diff(values, 2, axis=axis).std(axis=(1, 2)) for axis in (1, 2)))
    return many & (edges > _EDGES * values.std(axis=(1, 2)))


def _words(numbers: Array) -> Array:
    """Numbers as 64-bit words."""
    return numbers.astype(np.float64).view(np.uint64) if numbers.dtype.kind == "f" else numbers.astype(np.uint64)


def _powers(base: int) -> Array:
    return np.array([pow(base, SIDE - 1 - index, 1 << 64) for index in range(SIDE)], dtype=np.uint64)


_WEIGHTS = np.multiply.outer(_powers(_DOWN), _powers(_ALONG))


def _rolled(words: Array) -> Array:
    """The hashes of all squares of (H, W) words, by their first row and column."""
    for axis, base in ((0, _DOWN), (1, _ALONG)):
        width = 1
        while width < SIDE:  # of two spans side by side one of twice the width
            size = words.shape[axis] - width
            first, second = (np.take(words, range(start, start + size), axis) for start in (0, width))
            first *= np.uint64(pow(base, width, 1 << 64))
            first += second
            words, width = first, 2 * width
    return words


def _hits(numbers: Array, ordered: Array, likely: Array) -> list[tuple[int, int, np.uint64]]:
    """Row, column and hash of squares of a test image that are among those in order."""
    found: list[tuple[int, int, np.uint64]] = []
    if min(numbers.shape) < SIDE:
        return found
    for top in range(0, numbers.shape[0] - SIDE + 1, _ROWS):
        hashes = _rolled(_words(numbers[top : top + _ROWS + SIDE - 1]))
        rows, columns = np.nonzero(likely[hashes >> np.uint64(64 - _BITS)])
        values = hashes[rows, columns]
        there = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
        found += zip((rows[there] + top).tolist(), columns[there].tolist(), values[there], strict=True)
    return found[:_MOST]


def _turned(place: Any, size: tuple[int, int], turn: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where a square of an image is once the image has been turned, and the image's size then."""
    (row, column), (height, width) = map(int, place), size
    if turn >= 4:
        column = width - SIDE - column
    for _ in range(turn % 4):
        (row, column), (height, width) = (width - SIDE - column, row), (width, height)
    return (row, column), (height, width)


def _on_both(squares: Squares, turn: int, place: tuple[int, int], size: tuple[int, ...]) -> int:
    """How many of the squares lie on a test image of that size, where their turned image is laid on it at that place."""
    count = 0
    for each in squares.places:
        (row, column), _ = _turned(each, squares.size, turn)
        top, left = row + place[0], column + place[1]
        count += 0 <= top <= size[0] - SIDE and 0 <= left <= size[1] - SIDE
    return count

"""Blocks of a noisy image with the least structure, and the moments of the noise in them by brightness and frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.estimation.kernels import BASIS, CLASS_SIZE, ORDER, PAIRS, SIDE, Array, by_class

Floats = npt.NDArray[np.floating]

#: Pixels from block to block, larger for larger images; blocks that overlap are worth so many less than their number.
STEP, OVERLAP = 4, 2.5
#: Blocks of an image, about, at most.
MOST = 40_000
#: Bins of brightness of an image, at most; blocks that one is made for; a bin with fewer says nothing.
BINS, FILLED, FEWEST = 16, 120, 30
#: Side of the squares of an image that the bootstrap draws whole (pixels), at least and at most; about 8 make the shorter side.
SQUARE = (16, 64)
#: What tells structure: the slow coefficients but the mean.
SLOW = (ORDER > 0) & (ORDER <= 3)


@dataclass(frozen=True)
class Blocks:
    """All blocks of an image.

    Parameters
    ----------
    coefficients : ndarray, (C, n, 8, 8)
        Their orthonormal DCT.
    square : ndarray, (n,), int
        The square of the image that each lies in.
    """

    coefficients: Floats
    square: npt.NDArray[np.int64]

    @property
    def brightness(self) -> Floats:
        """Mean of each block, (C, n)."""
        return self.coefficients[:, :, 0, 0] / SIDE


@dataclass(frozen=True)
class Moments:
    """Sums over the chosen blocks, by square of the image and bin of brightness, (squares, bins[, classes]).

    Parameters
    ----------
    count, brightness : ndarray, (squares, bins)
        Blocks, and the sum of their means.
    power : ndarray, (squares, bins, classes)
        Of squared coefficients, less what the channels have in common where that is structure.
    third, third_squared : ndarray, (squares, bins)
        Of third moments of the fast part of the blocks, and of their squares.
    """

    count: Array
    brightness: Array
    power: Array
    third: Array
    third_squared: Array

    def means(self, weights: npt.NDArray[np.floating] | None = None) -> Means:
        """Means over the squares, each counted as often as `weights` says."""
        weights = np.ones(len(self.count)) if weights is None else weights
        count = weights @ self.count
        bins = np.flatnonzero(count > FEWEST)
        total = count[bins]

        def mean(of: Array) -> Array:
            return np.tensordot(weights, of[:, bins], 1) / (total if of.ndim == 2 else total[:, None])

        third = mean(self.third)
        error = np.sqrt(np.maximum(mean(self.third_squared) - third**2, 0) * OVERLAP / total)
        return Means(total / OVERLAP, mean(self.brightness), mean(self.power), third, error)


@dataclass(frozen=True)
class Means:
    """Moments of the noise by bin of brightness.

    Parameters
    ----------
    count : ndarray, (bins,)
        Blocks, as many as would be worth as much if none overlapped.
    brightness : ndarray, (bins,)
    power : ndarray, (bins, classes)
        Mean squared DCT coefficients.
    third, third_error : ndarray, (bins,)
        Mean third moment of the fast part, and its standard error.
    """

    count: Array
    brightness: Array
    power: Array
    third: Array
    third_error: Array

    @property
    def samples(self) -> Array:
        """Independent values behind each entry of `power`."""
        return self.count[:, None] * CLASS_SIZE


def make_blocks(image: npt.NDArray[np.floating]) -> Blocks:
    """The overlapping blocks of an image (C, H, W), 8 pixels or more each way, without those that are not finite."""
    height, width = image.shape[1:]
    step = max(STEP, int(np.sqrt(height * width / MOST)))
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float32), (SIDE, SIDE), axis=(1, 2))[:, ::step, ::step]
    down, across = windows.shape[1:3]
    side = int(np.clip(min(height, width) // 8, *SQUARE))
    square = np.add.outer(np.arange(down) * step // side * width, np.arange(across) * step // side).ravel()
    windows = windows.reshape(len(image), -1, SIDE, SIDE)
    basis = BASIS.astype(np.float32)
    coefficients = basis @ windows @ basis.T
    finite = np.isfinite(coefficients).all(axis=(0, 2, 3))
    return Blocks(coefficients[:, finite], square[finite])


def flattest(blocks: Blocks, share: float) -> npt.NDArray[np.bool_]:
    """The share of blocks with the least slow structure for their brightness, before anything is known of the noise."""
    power = blocks.coefficients**2
    fast = power[..., ORDER > 3].mean(-1)
    number = _bins(blocks.brightness.ravel(), BINS).reshape(fast.shape)
    level = np.array([np.quantile(fast[number == i], 0.2) if (number == i).any() else 1.0 for i in range(BINS)])
    structure = (power[..., SLOW].sum(-1) / np.maximum(level, 1e-9)[number]).sum(0)
    return structure <= np.quantile(structure, share)


def structure_free(blocks: Blocks, variance: npt.NDArray[np.floating], most: float, least: float) -> npt.NDArray[np.bool_]:
    """Blocks whose slow coefficients are as the noise alone would have them.

    Parameters
    ----------
    variance : ndarray, (C, n, slow coefficients)
        What noise has there.
    most : float
        Limit of the sum of squares over variance.
    least : float
        Share of all blocks that is kept at least.
    """
    ratio = (blocks.coefficients[..., SLOW] ** 2 / np.maximum(variance, 1e-9)).sum((0, 2))
    return ratio <= max(most, float(np.quantile(ratio, least)))


def moments(blocks: Blocks, chosen: npt.NDArray[np.bool_], common: bool) -> Moments:
    """Moments of the chosen blocks.

    Parameters
    ----------
    common : bool
        Take away what the three channels have in common: image texture where the noise of the channels is independent.
        E[c^2 - c o] for the mean o of the other two, and E[c^3 - 3 c^2 o + 2 r g b], which hold no texture that is equal in
        the channels.
    """
    coefficients = blocks.coefficients[:, chosen]
    others = (coefficients.sum(0) - coefficients) / 2 if common else None
    power = by_class(coefficients**2 if others is None else coefficients * (coefficients - others))
    basis, kept = BASIS.astype(np.float32), (ORDER > 1).astype(np.float32)
    left = (basis.T @ (coefficients * kept) @ basis).astype(np.float64)
    cubes = left**3
    if common:
        cubes += -1.5 * left**2 * (left.sum(0) - left) + 2 * left.prod(0)
    third = cubes.mean((-1, -2)).ravel()
    level = blocks.brightness[:, chosen].ravel().astype(np.float64)
    # edges halfway between those of equal counts and those of equal width
    found, place = np.unique(np.tile(blocks.square[chosen], len(coefficients)), return_inverse=True)
    bins = int(np.clip(len(level) // FILLED, 1, BINS))
    cell = place * BINS + _bins(level, bins, even=0.5)
    size = len(found) * BINS

    def total(values: npt.NDArray[np.floating]) -> Array:
        return np.asarray(np.bincount(cell, values, size), np.float64).reshape(-1, BINS)

    flat = power.reshape(-1, len(PAIRS))
    powers = np.stack([total(flat[:, i]) for i in range(len(PAIRS))], -1)
    return Moments(total(np.ones_like(level)), total(level), powers, total(third), total(third**2))


def joined(parts: list[Moments]) -> Moments:
    """Moments of several images: each keeps bins of its own, as each has its own texture."""
    if len(parts) == 1:
        return parts[0]
    squares = sum(len(part.count) for part in parts)
    wholes = []
    for name in ("count", "brightness", "power", "third", "third_squared"):
        arrays = [getattr(part, name) for part in parts]
        whole = np.zeros((squares, BINS * len(parts), *arrays[0].shape[2:]))
        row = 0
        for i, array in enumerate(arrays):
            whole[row : row + len(array), i * BINS : (i + 1) * BINS] = array
            row += len(array)
        wholes.append(whole)
    return Moments(*wholes)


def shared_by_channels(blocks: Blocks, chosen: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Correlation of the channels' fast coefficients, in the flattest fifth of the chosen blocks and in their last fifth.

    Texture makes it rise from one to the other; noise that the channels share does not.
    """
    picked = blocks.coefficients[:, chosen].astype(np.float64)
    structure = (picked[..., SLOW] ** 2).sum((0, 2))
    order = np.argsort(structure, kind="stable")
    fifth = max(1, len(order) // 5)
    return _correlation(picked[:, order[:fifth]]), _correlation(picked[:, order[-fifth:]])


def _correlation(picked: Array) -> float:
    matrix: Array = np.asarray(np.corrcoef(picked[..., ORDER > 3].reshape(len(picked), -1)))
    return float((matrix.sum() - len(matrix)) / (len(matrix) * (len(matrix) - 1)))


def _bins(values: npt.NDArray[np.floating], number: int, even: float = 0.0) -> npt.NDArray[np.int64]:
    """The bin of each value; edges from those of equal counts (even = 0) to those of equal width (1)."""
    counts = np.quantile(values, np.linspace(0, 1, number + 1))
    edges = (1 - even) * counts + even * np.linspace(counts[0], counts[-1], number + 1)
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, number - 1).astype(np.int64)

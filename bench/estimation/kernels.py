"""Convolutions of noise as blocks of an image show them: what they do to its variance and third moment at each frequency."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import scipy  # its submodules are imported when they are used: `signal` takes a second, in each worker

from noise.convolution import PAPER_KERNEL

Array = npt.NDArray[np.float64]

#: Side of a block (pixels).
SIDE = 8
#: Rows: the orthonormal DCT-II's basis.
BASIS: Array = scipy.fft.dct(np.eye(SIDE), axis=0, norm="ortho")
#: u + v of each coefficient (u, v).
ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE))

#: Frequencies as they are told apart: the coefficients (u, v) and (v, u) of a block are one class.
PAIRS = [(u, v) for u in range(SIDE) for v in range(u, SIDE) if u + v]
#: u + v of each class.
CLASS_ORDER = np.array([u + v for u, v in PAIRS])
#: Coefficients in each class.
CLASS_SIZE = np.array([1 + (u != v) for u, v in PAIRS])
#: How the variance of image texture falls with frequency, about (u^2 + v^2)^-1.5 where it is faint.
TEXTURE: Array = np.array([(u * u + v * v) ** -1.5 for u, v in PAIRS])


def by_class(coefficients: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Means over the classes, (..., 8, 8) to (..., classes)."""
    rows, columns = np.array(PAIRS).T
    return (coefficients[..., rows, columns] + coefficients[..., columns, rows]) / 2


@dataclass(frozen=True)
class Kernel:
    """A kernel by its name: "" for none, "A" for the paper's, or the standard deviation of a Gaussian (pixels).

    The Gaussian is sampled, cut at 4 standard deviations or beyond, of sum 1, as `conv=gauss(s)` of an expression is.
    """

    name: str | float = ""

    @cached_property
    def values(self) -> Array:
        """(h, w), of sum 1."""
        if self.name == "A":
            return np.array(PAPER_KERNEL)
        return np.asarray(np.outer(self._profile, self._profile), np.float64)

    @property
    def _profile(self) -> Array:
        """Of a kernel that is the outer product of it with itself."""
        if self.name == "":
            return np.ones(1)
        reach = int(np.ceil(4 * float(self.name)))
        profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / float(self.name)) ** 2)
        return np.asarray(profile / profile.sum(), np.float64)

    @property
    def gain(self) -> float:
        """Variance of a pixel of white noise of variance 1 after it."""
        return float((self.values**2).sum())

    @cached_property
    def gains(self) -> Array:
        """Variance of each class of DCT coefficients of white noise of variance 1 after it, (classes,)."""
        if self.name == "A":
            found = np.empty((SIDE, SIDE))
            for u, v in np.ndindex(SIDE, SIDE):
                found[u, v] = (scipy.signal.convolve2d(np.outer(BASIS[u], BASIS[v]), self.values) ** 2).sum()
        else:
            one = [(np.convolve(row, self._profile) ** 2).sum() for row in BASIS]
            found = np.outer(one, one)
        return np.asarray(by_class(found), np.float64)

    @cached_property
    def third(self) -> float:
        """Mean third moment of a block's pixels, without the coefficients of u + v < 2, of white noise of third moment 1."""
        kept = (ORDER > 1).astype(float)
        left = np.einsum("uv,ui,vj,uk,vl->ijkl", kept, BASIS, BASIS, BASIS, BASIS, optimize=True)
        pixels = [(scipy.signal.convolve2d(left[i, j], self.values) ** 3).sum() for i in range(SIDE) for j in range(SIDE)]
        return float(np.mean(pixels))


@lru_cache(maxsize=256)
def kernel(name: str | float) -> Kernel:
    """The kernel of that name, whose gains are computed once."""
    return Kernel(name)

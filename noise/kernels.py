"""Kernels of a convolution by their names in expressions: gauss(1.0), a file, or what a file's kernel was named."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from noise.convolution import PAPER_KERNEL, Convolution
from noise.expressions import number, unquoted, written

Rows = tuple[tuple[float, ...], ...]

#: Standard deviations that gauss(...) takes (pixels): below it is no convolution, above it is wider than a network sees.
LEAST, MOST = 0.2, 5.0
#: Side of a kernel, at most (pixels), and bytes of its file.
_SIDE, _BYTES = 65, 2**20
#: Size of its values, at most: float32 is to hold what it makes of an image.
_LARGEST = 1e6

_NAMED = re.compile(r"kernel-[0-9a-f]{12}")
_EXPECTED = "expected gauss(standard deviation in pixels), or a file of its rows (text, CSV or .npy)"


@dataclass(frozen=True)
class Kernel:
    """A kernel with its name.

    Parameters
    ----------
    name : str
        As it stands in canonical expressions: "" for the paper's, gauss(1), kernel-0123456789ab (a hash of its values).
    rows : tuple of rows
    """

    name: str
    rows: Rows


def kernel(text: str, known: Mapping[str, Rows] | None = None) -> Kernel:
    """The kernel that is meant by "gauss(1.0)", a path, or the name of one of the `known`. Raises ValueError, one line."""
    word = unquoted(text)
    if word in (known or {}):
        return _called(word, (known or {})[word])
    if word == text and re.match(r"\w*\s*\(", word):
        return _gauss(word)
    if _NAMED.fullmatch(word):
        raise ValueError(f"conv={word}: stands for a kernel that was read from a file: expected that file")
    rows = _read(os.path.expanduser(word))
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
    return _called(f"kernel-{digest}", rows)


def gauss(sigma: float) -> Rows:
    """A Gaussian of that standard deviation (pixels), sampled, cut at 4 of them or beyond, of sum 1."""
    reach = math.ceil(4 * sigma)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    profile /= profile.sum()
    return tuple(tuple(float(value) for value in row) for row in np.outer(profile, profile))


def _gauss(text: str) -> Kernel:
    inside = re.fullmatch(r"gauss\s*\(([^()=,]*)\)", text)
    if inside is None:
        raise ValueError(f"conv={text}: {_EXPECTED}")
    try:
        sigma = number(inside[1].strip())
    except ValueError:
        sigma = math.nan
    if not LEAST <= sigma <= MOST:
        raise ValueError(f"conv={text}: expected a standard deviation from {LEAST:g} to {MOST:g} pixels")
    return Kernel(f"gauss({written(sigma)})", gauss(sigma))


def _called(name: str, rows: Rows) -> Kernel:
    return Kernel("" if rows == PAPER_KERNEL else name, rows)


def _read(path: str) -> Rows:
    """The rows of a file: numbers with blanks, commas, semicolons or tabs between, or a NumPy array."""
    try:
        if os.path.getsize(path) > _BYTES:
            raise ValueError(f"more than {_BYTES} bytes")
        if not os.path.isfile(path):  # a device may have no end
            raise ValueError("no regular file")
        if path.lower().endswith(".npy"):
            array = np.atleast_2d(np.load(path, allow_pickle=False))
            if array.dtype.kind not in "biuf":
                raise ValueError(f"values of type {array.dtype}: expected real numbers")
            array = array.astype(np.float64)
        else:
            with open(path, encoding="utf-8-sig") as file:
                lines = [line.partition("#")[0].strip() for line in file]
            rows = [[float(word) for word in re.split(r"[\s,;]+", line.strip(" ,;"))] for line in lines if line]
            array = np.array(rows, dtype=np.float64)
        if array.ndim != 2 or max(array.shape) > _SIDE:
            raise ValueError(f"shape {array.shape}: expected rows and columns, at most {_SIDE} of each")
        found = tuple(tuple(float(value) for value in row) for row in array)
        Convolution(found)  # refuses what is no kernel
        if not array.any():
            raise ValueError("all zeros")
        if np.abs(array).max() > _LARGEST:
            raise ValueError(f"values up to {np.abs(array).max():g}: expected at most {_LARGEST:g} in size")
    except FileNotFoundError:
        raise ValueError(f"conv={path}: there is no such file: {_EXPECTED}") from None
    except OSError as error:
        raise ValueError(f"conv={path}: cannot be read ({error.strerror or error}): {_EXPECTED}") from None
    except (ValueError, TypeError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"conv={path}: is no kernel ({reason}): {_EXPECTED}") from None
    return found

"""Images as they lie in files of any depth: 8 bits by `bench.data.images`, more by the libraries of other fields, page by page.

TIFF of 16 bits, floats or several pages by tifffile; PNG of 16 bits by Pillow; FITS by astropy, an extra; `.npy` by NumPy,
without pickles. An array (N, H, W), or (N, H, W, 3), is N pages. What a value means is decided elsewhere (`bench.data.levels`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data import tiff
from bench.data.formats import FITS, NUMPY, TIFF, Deep, Refused, deep_png, refuse_large
from bench.data.images import decode_noting, image_name, image_size, list_images, problem, read_bytes, refuse_irregular
from bench.errors import UsageError

Array = npt.NDArray[Any]

_ARRAYS = "numbers of shape (H, W), (H, W, 3), (N, H, W) or (N, H, W, 3)"


@dataclass(frozen=True)
class Source:
    """Where an image lies: a file, and its page there (counted from 0) of so many."""

    path: Path
    page: int = 0
    pages: int = 1

    @property
    def name(self) -> str:
        """The file's name without ending; of one of several pages with its number, counted from 1 as viewers do."""
        name = image_name(self.path)
        return name if self.pages == 1 else f"{name}-p{self.page + 1:0{max(3, len(str(self.pages)))}d}"

    def __str__(self) -> str:
        return str(self.path) if self.pages == 1 else f"{self.path}, page {self.page + 1} of {self.pages}"


def list_sources(folder: Path) -> list[Source]:
    """The images in a folder, by file name and page. Raises UsageError as `list_images` does, and for names that are equal."""
    found = [source for path in list_images(folder) for source in sources_of(path)]
    seen: dict[str, Source] = {}
    for source in found:
        if (first := seen.setdefault(source.name, source)) is not source:
            raise problem(folder, f"{first.path.name} and {source.path.name} have an image {source.name}", "one image a name")
    return found


def sources_of(path: Path) -> list[Source]:
    """The images of a file. One that cannot be opened counts as one: reading it tells what is wrong."""
    pages = 1
    if path.suffix.lower() in (*TIFF, *FITS, *NUMPY):
        try:
            pages = len(_sizes(path))
        except UsageError:
            pages = 1
    return [Source(path, page, pages) for page in range(pages)]


def size_of(source: Source) -> tuple[int, int]:
    """(width, height) in pixels as stored, from the file's header; UsageError where there is none."""
    suffix = source.path.suffix.lower()
    if not (suffix in (*FITS, *NUMPY) or source.pages > 1):
        with suppress(UsageError) if suffix in TIFF else nullcontext():  # of numbers that Pillow does not know
            return image_size(source.path)
    height, width = _sizes(source.path)[source.page]
    return width, height


def read(source: Source) -> tuple[Array, bytes, bool]:
    """One image as stored, what identifies it, and whether a tag asks viewers to turn it, which is not done.

    Returns
    -------
    ndarray, shape (H, W, C), C 1 or 3
        uint8, (H, W, 3), where the file has 8 bits a value; else of the file's numbers, all finite.
    bytes
        The file's bytes, or of one of several pages its values: what is hashed.
    bool

    Raises
    ------
    UsageError
        One line with the path, what was found and what was expected.
    """
    path, suffix = source.path, source.path.suffix.lower()
    data = b"" if source.pages > 1 else read_bytes(path)
    if suffix in TIFF and source.pages == 1:  # of several, all were found
        with _told(path):
            tiff.refuse_unclear(path)
    if suffix in (*FITS, *NUMPY) or source.pages > 1:
        pixels, turned = _deep(source, suffix)
    else:
        try:
            pixels, turned = decode_noting(data, path)
            return pixels, data, turned
        except UsageError as error:
            if not isinstance(error.__cause__, Deep) and not (suffix in TIFF and tiff.of_other_numbers(path)):
                raise
        pixels, turned = _deep(source, suffix)
    if bad := int(np.size(pixels) - np.isfinite(pixels).sum()):
        row, column, *_ = np.argwhere(~np.isfinite(pixels))[0].tolist()
        raise problem(source, f"{bad} values that are no finite numbers, the first in row {row}, column {column}", "numbers")
    content = data or repr((pixels.shape, pixels.dtype.str)).encode() + np.ascontiguousarray(pixels).tobytes()
    if pixels.dtype == np.uint8 and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return pixels, content, turned


def _deep(source: Source, suffix: str) -> tuple[Array, bool]:
    """Pixels (H, W, C) of what is no image of 8 bits, and whether a tag asks to turn it."""
    with _told(source):
        if suffix in FITS:
            pixels, turned = _fits(source)
        elif suffix in NUMPY:
            pixels, turned = _numpy(source)
        elif suffix in TIFF:
            pixels, turned = tiff.read(source.path, source.page)
        else:
            pixels, turned = deep_png(read_bytes(source.path)), False
        return _checked(pixels), turned


def _checked(pixels: Array) -> Array:
    if pixels.dtype.kind not in "iuf" or pixels.dtype.itemsize > 8:
        raise Refused(f"values of type {pixels.dtype}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        raise Refused(f"an image of shape {pixels.shape}")
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _sizes(path: Path) -> list[tuple[int, int]]:
    """(height, width) of every page, from the headers. Raises UsageError."""
    refuse_irregular(path)
    suffix = path.suffix.lower()
    with _told(path):
        if suffix in TIFF:
            with tiff.opened(path) as pages:
                return [(page.imagelength, page.imagewidth) for page in pages]
        if suffix in NUMPY:
            return _of_shape(np.load(path, mmap_mode="r", allow_pickle=False).shape)
        with _opened(path) as image:
            return [tuple(image.shape[-2:])] * (1 if len(image.shape) == 2 else int(image.shape[0]))


def _of_shape(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """(height, width) of every page of an array."""
    colour = len(shape) > 2 and shape[-1] in (1, 3)
    inner = shape[:-1] if colour else shape
    if len(inner) not in (2, 3) or not all(shape):
        raise Refused(f"an array of shape {shape}")
    if not colour and shape[:-2] == (3,):  # as PyTorch has colours first
        height, width = shape[-2:]
        either = f"({height}, {width}, 3) is an image in colour, (3, {height}, {width}, 1) is three pages"
        raise Refused(f"an array of shape {shape}, of which nobody can tell what it is: {either}")
    return [(inner[-2], inner[-1])] * (1 if len(inner) == 2 else inner[0])


def _numpy(source: Source) -> tuple[Array, bool]:
    array = np.load(source.path, mmap_mode="r", allow_pickle=False)
    height, width = _of_shape(array.shape)[source.page]
    refuse_large(height, width)
    return np.array(array[source.page] if source.pages > 1 else array.reshape(height, width, -1)), False


def _fits(source: Source) -> tuple[Array, bool]:
    with _opened(source.path) as image:
        refuse_large(*image.shape[-2:])
        data = image.data
        return np.array(data if data.ndim == 2 else data[source.page]), False


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The first image of a FITS file, of two axes, or three of which the first counts pages."""
    try:
        from astropy.io import fits  # an extra
    except ModuleNotFoundError:
        raise problem(path, "a FITS file, and astropy is not installed", "pip install 'denoisebench[science]'") from None
    with warnings.catch_warnings(action="ignore"), fits.open(path, memmap=False) as file:
        images = [unit for unit in file if unit.is_image and len(unit.shape) >= 2]
        if not images:
            raise Refused("a FITS file without an image")
        if len(images[0].shape) > 3 or not all(images[0].shape):
            raise Refused(f"a FITS image of shape {images[0].shape}")
        yield images[0]


@contextmanager
def _told(source: object) -> Iterator[None]:
    """Whatever a library raises on a damaged file, and what is refused, as a UsageError."""
    try:
        yield
    except UsageError:
        raise
    except Refused as refused:
        raise problem(source, refused, f"an image of one channel or three, or {_ARRAYS}") from None
    except Exception as error:
        raise problem(source, f"damaged, truncated or not readable ({type(error).__name__}: {error})") from None

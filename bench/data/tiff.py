"""TIFF by tifffile: 16 bits, floats, and several pages."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from bench.data.formats import Refused, refuse_large
from bench.data.images import problem
from bench.errors import UsageError

Array = npt.NDArray[Any]


class _Complaints(logging.Handler):
    """Keeps what tifffile logs of a file, which it does in place of raising where later pages cannot be found."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.errors.append(re.sub(r"^<.*?> ", "", record.getMessage()))


@contextmanager
def opened(path: Path) -> Iterator[list[Any]]:
    """Pages of a file that are images of their own: no thumbnails, and no smaller copies.

    Raises EOFError where there is none, and where not all can be found, as in a file that was cut off; else what tifffile does.
    """
    import tifffile  # slow to import

    log, complaints = logging.getLogger("tifffile"), _Complaints()
    before = log.propagate
    log.addHandler(complaints)
    log.propagate = False
    try:
        with tifffile.TiffFile(path) as file:
            every: list[Any] = list(file.pages)
            if not every or complaints.errors:
                raise EOFError(f"{len(every)} pages, then {complaints.errors[0] if complaints.errors else 'nothing'}")
            yield [page for page in every if not page.is_reduced] or every
    finally:
        log.removeHandler(complaints)
        log.propagate = before


def refuse_unclear(path: Path) -> None:
    """Raise EOFError for pages that are not all there, and UsageError for planes of which nobody can tell what they are.

    tifffile marks an array (3, H, W) or (4, H, W) as one colour image unless it is told otherwise; it notes the array's shape.
    """
    try:
        with opened(path) as pages:
            _refuse_planes(path, pages[0])
    except (EOFError, UsageError):
        raise
    except Exception:  # reading it tells, and Pillow may know it
        return


def _refuse_planes(path: Path, page: Any) -> None:
    """Raise UsageError for planes of a page that may be pages or colours."""
    if planes := page.shape[0] if page.axes.startswith("S") and page.parent.is_shaped else 0:
        found = f"{planes} planes marked as channels of a colour image, as tifffile marks a stack of so many pages, too"
        raise problem(path, found, "a stack written with photometric='minisblack', or an array of colours (H, W, 3)")


def of_other_numbers(path: Path) -> bool:
    """Whether it is a TIFF of numbers that Pillow does not know, such as floats of 64 bits."""
    try:
        with opened(path) as pages:
            return str(pages[0].dtype) not in ("None", "bool", "uint8")
    except Exception:  # damaged, as Pillow said
        return False


def read(path: Path, number: int) -> tuple[Array, bool]:
    """Pixels of a page, (H, W) or (H, W, C), and whether a tag asks viewers to turn it. Raises as `opened` does."""
    with opened(path) as pages:
        page = pages[number]
        page = page.aspage() if hasattr(page, "aspage") else page
        _refuse_planes(path, page)
        refuse_large(page.imagelength, page.imagewidth)
        kind = page.photometric.name
        if kind not in ("MINISBLACK", "RGB"):
            raise Refused(f"a TIFF of kind {kind}")
        try:
            pixels = page.asarray()
        except Exception as error:
            if "imagecodecs" not in str(error):
                raise
            pixels = _by_pillow(path, page.index, page.compression.name)
        if page.axes.startswith("S"):
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
            alpha = pixels[..., -1]
            if page.extrasamples and alpha.dtype.kind == "u" and alpha.min() < np.iinfo(alpha.dtype).max:
                raise Refused(f"transparent pixels (alpha down to {alpha.min()} of {np.iinfo(alpha.dtype).max})")
            pixels = pixels[..., :-1]
        orientation = page.tags.get(274)
        return pixels, orientation is not None and int(orientation.value) in range(2, 9)


def _by_pillow(path: Path, index: int, compression: str) -> Array:
    """A page whose compression tifffile leaves to another package, and Pillow knows: LZW, JPEG, CCITT."""
    with Pillow.open(path, formats=("TIFF",)) as image:
        image.seek(index)
        if image.mode not in ("L", "F") and not image.mode.startswith("I;16"):
            raise Refused(f"a TIFF compressed by {compression}, which takes the package imagecodecs")
        if image.getexif().get(274, 1) != 1:  # Pillow would turn it
            raise Refused(f"a TIFF compressed by {compression} with a tag to be turned")
        return np.asarray(image)

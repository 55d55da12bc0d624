"""Image files: reading them exactly, and refusing in one clear line what would be read wrongly.

The stored 8-bit values are used as they are: a gamma chunk, a colour profile and an EXIF orientation are ignored, since
a benchmark compares the pixels in the file. What cannot be had exactly as 8-bit RGB (16-bit, CMYK, floats, transparent
pixels, several frames) is refused, not converted. Only the decoders in `FORMATS` are tried, whatever a file is called.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from bench.errors import UsageError, one_line

Pixels = npt.NDArray[np.uint8]

#: File name endings that count as images (any case).
EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
#: Pillow's decoders for them.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM")
#: Largest image (pixels) and file (bytes) that is decoded at all: beyond lies a decompression bomb, not a photograph.
MAX_PIXELS = 89_478_485
MAX_BYTES = 1 << 30

_EXPECTED = "an opaque 8-bit RGB or grey image (PNG, JPEG, BMP, TIFF, WebP or PPM)"
_CONVERTIBLE = ("1", "L", "P", "LA", "PA", "RGB", "RGBA")
_REFUSED = {
    "CMYK": "a CMYK image",
    "F": "an image of floating-point values",
    "I": "an image of 16 bits a value or more",
    "YCbCr": "a YCbCr image",
    "LAB": "a CIELab image",
    "HSV": "an HSV image",
}


def problem(path: object, found: object, expected: str = _EXPECTED) -> UsageError:
    """The one-line error for a file or folder: what was found, and what was expected."""
    return UsageError(f"{one_line(path)}: {one_line(found)}; expected {expected}")


def read_image(path: str | os.PathLike[str]) -> Pixels:
    """The image in a file, exactly as stored.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        RGB. Grey, 1-bit and palette images are converted; a fully opaque alpha channel is dropped.

    Raises
    ------
    UsageError
        One line with the path, what was found and what was expected: an unreadable, truncated or damaged file, no
        image, CMYK, more than 8 bits a value, floats, transparent pixels, several frames, too many pixels.
    """
    return decode(read_bytes(path), path)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file of at most `MAX_BYTES`; UsageError where they cannot be had."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise problem(path, "not a regular file")
        if status.st_size > MAX_BYTES:
            raise problem(path, f"{status.st_size} bytes", f"an image file of at most {MAX_BYTES} bytes")
        return Path(path).read_bytes()
    except OSError as error:
        raise problem(path, f"cannot be read: {error.strerror or error}") from None


def decode(data: bytes, path: str | os.PathLike[str]) -> Pixels:
    """`read_image` on bytes already read; `path` is for the messages."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which is not used; the size is checked in _refuse
            return _decode(data)
    except _Refused as refused:
        raise problem(path, refused) from None
    except UnidentifiedImageError:
        raise problem(path, "not a readable image" if data else "an empty file") from None
    except Pillow.DecompressionBombError:
        raise problem(path, _too_large()) from None
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise problem(path, f"damaged or truncated ({error})") from None


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) in pixels from a file's header, without decoding it; UsageError where there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=FORMATS) as image:
                return image.size
    except UnidentifiedImageError:
        raise problem(path, "not a readable image") from None
    except Exception as error:  # as in decode
        raise problem(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def image_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Paths in `folder` that are named like images, sorted by name; hidden files, other files and folders are left out.

    Raises UsageError where the folder is missing or unreadable.
    """
    try:
        found = [p for p in Path(folder).iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
        return sorted((p for p in found if not p.is_dir()), key=lambda p: (p.stem, p.name))
    except OSError as error:
        raise problem(folder, f"cannot be read: {error.strerror or error}", "a folder of images") from None


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The images in a folder (by their endings, any case), sorted by name; the names without ending are all different.

    Raises UsageError where the folder is missing, unreadable or without images, where two files differ in the ending
    alone (a name identifies an image), and where a name is not valid text.
    """
    paths = image_files(folder)
    if not paths:
        raise problem(folder, "holds no image", f"files ending in {', '.join(EXTENSIONS)}")
    seen: dict[str, Path] = {}
    for path in paths:
        first = seen.setdefault(image_name(path), path)
        if first is not path:
            raise problem(folder, f"{first.name} and {path.name} have the same name", "one file a name")
    return paths


def image_name(path: Path) -> str:
    """What identifies an image: its file name without the ending, in one Unicode form on every file system."""
    try:
        path.stem.encode()
    except UnicodeEncodeError:
        raise problem(path, "the file name is not valid UTF-8", "a name that is") from None
    return unicodedata.normalize("NFC", path.stem)


def centre_crop(pixels: Pixels, side: int) -> Pixels:
    """The centre of an (H, W, 3) image, at most `side` pixels in each direction."""
    top, left = (max(0, (size - side) // 2) for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def hashed_crop(pixels: Pixels, side: int, name: str) -> Pixels:
    """A part of an (H, W, 3) image, at most `side` pixels in each direction, at a place that `name` alone decides."""
    chosen = name_hash(f"crop:{name}")
    numbers = (int.from_bytes(chosen[:8], "big"), int.from_bytes(chosen[8:16], "big"))
    top, left = (number % (max(0, size - side) + 1) for number, size in zip(numbers, pixels.shape[:2], strict=False))
    return pixels[top : top + side, left : left + side]


def name_hash(name: str) -> bytes:
    """The sha256 of a name: a choice that depends on nothing else."""
    return hashlib.sha256(name.encode()).digest()


class _Refused(Exception):
    """What is wrong with an image, in words."""


def _decode(data: bytes) -> Pixels:
    with Pillow.open(io.BytesIO(data), formats=FORMATS) as image:
        _refuse(image)
        if image.format == "PNG":
            _verify(data)
        image.load()
        rgb = _opaque(image).convert("RGB")
    return np.array(rgb, dtype=np.uint8)


def _verify(data: bytes) -> None:
    """Check a PNG's checksums, which loading it does not: a flipped bit would pass as a different picture."""
    with Pillow.open(io.BytesIO(data), formats=FORMATS) as image:
        image.verify()


def _refuse(image: Any) -> None:
    """Raise _Refused where the pixels, not yet loaded, would not arrive exactly as one 8-bit RGB image."""
    if image.width * image.height > MAX_PIXELS:
        raise _Refused(f"{image.width}x{image.height} pixels, {_too_large()}")
    if image.mode not in _CONVERTIBLE:
        raise _Refused(_REFUSED.get(image.mode.split(";")[0], f"an image of mode {image.mode}"))
    if _deep(image):
        raise _Refused("an image of 16 bits a value")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise _Refused(f"{frames} frames")


def _deep(image: Any) -> bool:
    """Whether the file holds more than 8 bits a value. Pillow cuts 16-bit colour without a word: the mode is silent."""
    if image.format == "TIFF":
        return any(bits > 8 for bits in image.tag_v2.get(258, (1,)))
    for _, _, _, arguments in image.tile:
        for part in arguments if isinstance(arguments, tuple) else (arguments,):
            if isinstance(part, str) and ";16" in part and not part.startswith("BGR"):  # BGR;16: 5-6-5 bits, in a BMP
                return True
            if image.format == "PPM" and isinstance(part, int) and part > 255:  # the largest value, from its header
                return True
    return False


def _opaque(image: Any) -> Any:
    """The image, after a look at its alpha channel or transparent colour if it has one."""
    if "A" not in image.mode and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    lowest, _ = image.getchannel("A").getextrema()
    if lowest < 255:
        raise _Refused(f"transparent pixels (alpha down to {lowest} of 255)")
    return image


def _too_large() -> str:
    return f"more than the {MAX_PIXELS} that are decoded"

"""Image files: finding and reading them, and refusing in one clear line what would be read wrongly."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
import warnings
from pathlib import Path

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from bench.data.formats import EXTENSIONS, TOO_LARGE, Deep, Pixels, Refused, decoded, decoders, stored_size
from bench.errors import UsageError, not_text, one_line

#: Largest file (bytes) that is read at all.
MAX_BYTES = 1 << 30

_EXPECTED = (
    "an opaque 8-bit RGB or grey image (PNG, JPEG, JPEG 2000, BMP, TIFF, WebP, GIF, TGA, QOI, PBM, PGM or PPM), "
    "or numbers (PNG, TIFF, FITS or NPY)"
)


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
    refuse_irregular(path)
    try:
        if (size := os.path.getsize(path)) > MAX_BYTES:
            raise problem(path, f"{size} bytes", f"an image file of at most {MAX_BYTES} bytes")
        return Path(path).read_bytes()
    except OSError as error:
        raise problem(path, f"cannot be read: {error.strerror or error}") from None


def refuse_irregular(path: str | os.PathLike[str]) -> None:
    """Raise UsageError for what is no regular file: to open a pipe may take for ever."""
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        raise problem(path, f"cannot be read: {error.strerror or error}") from None
    if not regular:
        raise problem(path, "not a regular file")


def decode(data: bytes, path: str | os.PathLike[str]) -> Pixels:
    """`read_image` on bytes already read; `path` is for the messages, and its ending for `formats.decoders`."""
    return decode_noting(data, path)[0]


def decode_noting(data: bytes, path: str | os.PathLike[str]) -> tuple[Pixels, bool]:
    """`decode`, and whether a tag in the file asks viewers to turn or mirror it, which is not done."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which is not used; the size is checked by `decoded`
            return decoded(data, decoders(path))
    except Refused as refused:
        raise problem(path, refused) from (refused if isinstance(refused, Deep) else None)
    except UnidentifiedImageError:
        raise problem(path, "not a readable image" if data else "an empty file") from None
    except Pillow.DecompressionBombError:
        raise problem(path, TOO_LARGE) from None
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise problem(path, f"damaged or truncated ({error})") from None


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) in pixels as stored, from a file's header, without decoding it; UsageError where there is none."""
    refuse_irregular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=decoders(path)) as image:
                return stored_size(image)
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
    return text_of(path, path.stem)


def text_of(path: Path, name: str) -> str:
    """A part of the path's name in the composed Unicode form. Raises UsageError where it is not valid text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise problem(path, f"the file name {not_text()}", "a name that is UTF-8") from None
    return unicodedata.normalize("NFC", name)


def centre_crop(pixels: Pixels, side: int) -> Pixels:
    """The centre of an (H, W, C) image, at most `side` pixels in each direction."""
    top, left = (max(0, (size - side) // 2) for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def hashed_crop(pixels: Pixels, side: int, name: str) -> Pixels:
    """A part of an (H, W, C) image, at most `side` pixels in each direction, at a place that `name` alone decides."""
    chosen = name_hash(f"crop:{name}")
    numbers = (int.from_bytes(chosen[:8], "big"), int.from_bytes(chosen[8:16], "big"))
    top, left = (number % (max(0, size - side) + 1) for number, size in zip(numbers, pixels.shape[:2], strict=False))
    return pixels[top : top + side, left : left + side]


def name_hash(name: str) -> bytes:
    """The sha256 of a name: a choice that depends on nothing else."""
    return hashlib.sha256(name.encode()).digest()

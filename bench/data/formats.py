"""File formats of images: what of them can be had exactly as 8-bit RGB, and decoding that.

The stored 8-bit values are used as they are: a gamma chunk, a colour profile and a tag on the orientation are ignored, since
a benchmark compares the pixels in the file. What cannot be had exactly as 8-bit RGB (16-bit, CMYK, floats, transparent
pixels, several frames) is refused, not converted.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

Pixels = npt.NDArray[np.uint8]

#: Pillow's decoders that are tried for any file: these formats begin with marks that nothing else has.
_COMMON = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM")
#: Endings of rarer formats, whose decoders are tried for files so named alone. (TGA has no mark: it would take anything.)
_RARE = {
    ".gif": "GIF", ".tga": "TGA", ".qoi": "QOI",
    **dict.fromkeys((".jp2", ".j2k", ".j2c", ".jpc"), "JPEG2000"),
}  # fmt: skip
#: Endings of files that may hold values of more than 8 bits, or several pages, by `bench.data.frames`.
TIFF, FITS, NUMPY = (".tif", ".tiff"), (".fits", ".fit", ".fts"), (".npy",)
#: File name endings that count as images (any case).
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
    *_RARE,
    *FITS,
    *NUMPY,
)
#: Largest image (pixels) that is decoded at all: beyond lies a decompression bomb, not a photograph.
MAX_PIXELS = 89_478_485
TOO_LARGE = f"more than the {MAX_PIXELS} that are decoded"

_ORIENTATION = 0x0112  # the tag's number in EXIF and TIFF
_CONVERTIBLE = ("1", "L", "P", "LA", "PA", "RGB", "RGBA")
_REFUSED = {
    "CMYK": "a CMYK image",
    "F": "an image of floating-point values",
    "I": "an image of 16 bits a value or more",
    "YCbCr": "a YCbCr image",
    "LAB": "a CIELab image",
    "HSV": "an HSV image",
}


class Refused(Exception):
    """What is wrong with an image, in words."""


class Deep(Refused):
    """It has more than 8 bits a value, in a format that can be had exactly all the same."""


def refuse_large(height: int, width: int) -> None:
    """Raise Refused for an image of more than `MAX_PIXELS`."""
    if height * width > MAX_PIXELS:
        raise Refused(f"{width}x{height} pixels, {TOO_LARGE}")


def decoders(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Pillow's names of the decoders to try for a file of that name."""
    rare = _RARE.get(Path(path).suffix.lower())
    return (*_COMMON, rare) if rare else _COMMON


def decoded(data: bytes, formats: tuple[str, ...]) -> tuple[Pixels, bool]:
    """The pixels of an image file, (H, W, 3), as stored; and whether a tag asks viewers to turn or mirror them.

    Raises Refused for what cannot be had exactly, and whatever Pillow raises for what it cannot read.
    """
    with Pillow.open(io.BytesIO(data), formats=formats) as image:
        _refuse(image, data)
        if image.format == "PNG":
            _verify(data)
        turned = _forget_orientation(image)
        image.load()
        rgb = _opaque(image).convert("RGB")
    return np.array(rgb, dtype=np.uint8), turned


def deep_png(data: bytes) -> npt.NDArray[np.uint16]:
    """The values of a PNG of 16 bits, (H, W) or (H, W, 3).

    Pillow has 16 bits of grey alone; of colour it keeps the high byte of each value. Told that the bytes are in the other
    order, it keeps the low one.
    """
    _verify(data)
    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as image:
        mode = image.mode
        if mode.startswith("I"):
            return np.asarray(image).astype(np.uint16)
    if mode not in ("RGB", "RGBA"):
        raise Refused(f"16 bits a value with transparency (mode {mode})")
    high, low = (_png_bytes(data, f"{mode};16{order}") for order in "BL")
    values = (256 * high.astype(np.uint16) + low).astype(np.uint16)
    if mode == "RGBA" and values[..., 3].min() < 65535:
        raise Refused(f"transparent pixels (alpha down to {values[..., 3].min()} of 65535)")
    return values[..., :3]


def _png_bytes(data: bytes, raw_mode: str) -> npt.NDArray[np.uint8]:
    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.tile = [tile._replace(args=raw_mode) if isinstance(tile.args, str) else tile for tile in image.tile]
        image.load()
        return np.asarray(image)


def stored_size(image: Any) -> tuple[int, int]:
    """(width, height) of an image that is open, before any turn. (Pillow tells the size of a TIFF after it.)"""
    if image.format == "TIFF":
        return image.tag_v2[256], image.tag_v2[257]
    return image.size


def _forget_orientation(image: Any) -> bool:
    """Have Pillow, which turns a TIFF as it loads it, find no tag on the orientation; whether there was one that turns."""
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        exif[_ORIENTATION] = 1
    except Exception:  # damaged metadata is no fault of the pixels
        return False
    return orientation in range(2, 9)


def _verify(data: bytes) -> None:
    """Check a PNG's checksums, which loading it does not: a flipped bit would pass as a different picture."""
    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.verify()


def _refuse(image: Any, data: bytes) -> None:
    """Raise Refused where the pixels, not yet loaded, would not arrive exactly as one 8-bit RGB image."""
    if image.width * image.height > MAX_PIXELS:
        raise Refused(f"{image.width}x{image.height} pixels, {TOO_LARGE}")
    if image.mode not in _CONVERTIBLE:
        kind = image.mode.split(";")[0]
        deep = kind in ("I", "F") and image.format in ("PNG", "TIFF")
        raise (Deep if deep else Refused)(_REFUSED.get(kind, f"an image of mode {image.mode}"))
    if _deep(image):
        raise (Deep if image.format in ("PNG", "TIFF") else Refused)("an image of 16 bits a value")
    if image.format == "JPEG2000" and (bits := _bits_of_jpeg2000(data)) != {"8"}:
        raise Refused(f"an image of {', '.join(sorted(bits))} bits a value")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise Refused(f"{frames} frames")
    if image.format == "PPM" and _goes_on(image, data):
        raise Refused("more than one image")


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


def _goes_on(image: Any, data: bytes) -> bool:
    """Whether another image follows in a binary Netpbm file, of which Pillow reads the first."""
    row = (image.width + 7) // 8 if image.mode == "1" else image.width * len(image.getbands())
    rest = data[image.tile[0][2] + row * image.height :].lstrip()
    return data[:2] in (b"P4", b"P5", b"P6") and rest[:2] in (b"P4", b"P5", b"P6")


def _bits_of_jpeg2000(data: bytes) -> set[str]:
    """Bits of the components' values, in words. Pillow shifts all of them to 8 in silence."""
    size = data.index(b"\xff\x4f\xff\x51") + 4  # start of the codestream, and its first marker
    components = int.from_bytes(data[size + 36 : size + 38], "big")
    told = data[size + 38 : size + 38 + 3 * components : 3]
    return {f"{'signed ' * (byte >> 7)}{(byte & 0x7F) + 1}" for byte in told}


def _opaque(image: Any) -> Any:
    """The image, after a look at its alpha channel or transparent colour if it has one."""
    if "A" not in image.mode and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    lowest, _ = image.getchannel("A").getextrema()
    if lowest < 255:
        raise Refused(f"transparent pixels (alpha down to {lowest} of 255)")
    return image

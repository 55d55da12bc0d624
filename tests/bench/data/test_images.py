"""Reading image files: what is read exactly, and what is refused in one clear line."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.frames import read, size_of, sources_of
from bench.data.images import (
    image_size,
    one_line,
    read_image,
)
from bench.errors import UsageError


def photo(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values: np.ndarray, colour: int, *chunks: bytes) -> bytes:
    """A PNG by hand: 8- or 16-bit values (H, W) or (H, W, C), PNG colour type, further chunks before the pixels."""
    height, width = values.shape[:2]
    rows = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8 * values.dtype.itemsize, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def encoded(image: Pillow.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(one_line(path))
    assert "; expected " in message
    return message


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.TIFF", "a.tif", "a.ppm", "a.webp"])
def test_lossless_formats_are_read_exactly(tmp_path: Path, name: str) -> None:
    pixels = photo()
    options = {"lossless": True} if name.endswith("webp") else {}
    Pillow.fromarray(pixels).save(tmp_path / name, **options)
    read = read_image(tmp_path / name)
    assert read.dtype == np.uint8
    assert read.shape == (24, 32, 3)
    np.testing.assert_array_equal(read, pixels)
    assert image_size(tmp_path / name) == (32, 24)


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.fromarray(photo()).save(path, quality=90)
    np.testing.assert_array_equal(read_image(str(path)), np.asarray(Pillow.open(path)))


def test_grey_and_one_bit_become_rgb(tmp_path: Path) -> None:
    grey = photo()[..., 0]
    Pillow.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.stack([grey] * 3, axis=-1))
    Pillow.fromarray(grey > 127).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bit.png")[..., 1], np.where(grey > 127, 255, 0))


def test_palette_becomes_rgb(tmp_path: Path) -> None:
    image = Pillow.fromarray(photo()).quantize(16)
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), np.asarray(image.convert("RGB")))


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    pixels = photo()
    rgba = np.concatenate([pixels, np.full((24, 32, 1), 255, np.uint8)], axis=-1)
    Pillow.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels)
    Pillow.fromarray(rgba).getchannel(0).convert("LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_image(tmp_path / "la.png")[..., 2], pixels[..., 0])
    Pillow.fromarray(pixels).quantize(8).save(tmp_path / "p.png", transparency=bytes([255] * 8))
    assert read_image(tmp_path / "p.png").shape == (24, 32, 3)


def test_gamma_profile_and_orientation_are_ignored(tmp_path: Path) -> None:
    pixels = photo()
    (tmp_path / "g.png").write_bytes(png(pixels, 2, chunk(b"gAMA", struct.pack(">I", 100000))))
    np.testing.assert_array_equal(read_image(tmp_path / "g.png"), pixels)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(pixels).save(tmp_path / "o.png", exif=exif, icc_profile=b"not a profile")
    np.testing.assert_array_equal(read_image(tmp_path / "o.png"), pixels)


def test_tiny_image_is_read(tmp_path: Path) -> None:
    Pillow.fromarray(photo(1, 1)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (1, 1, 3)


def test_16_bits_a_pixel_in_a_bmp_are_not_16_bits_a_value(tmp_path: Path) -> None:
    rows = np.full((4, 4), 0x7C00, "<u2").tobytes()  # 5-5-5 bits, all red
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 16, 0, len(rows), 0, 0, 0, 0)
    (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + header + rows)
    assert read_image(tmp_path / "a.bmp")[0, 0].tolist() == [255, 0, 0]


# --- what is refused ------------------------------------------------------------------------------------------------


def test_text_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image\n" * 9)
    assert "not a readable image" in refusal(tmp_path / "text.png")
    (tmp_path / "empty.png").write_bytes(b"")
    assert "an empty file" in refusal(tmp_path / "empty.png")
    with pytest.raises(UsageError, match="not a readable image"):
        image_size(tmp_path / "text.png")


def test_formats_outside_the_list_are_never_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Pillow.fromarray(photo()), "GIF"))
    assert "not a readable image" in refusal(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert "not a readable image" in refusal(tmp_path / "b.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "PPM", "WEBP"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_truncated(tmp_path: Path, kind: str, part: float) -> None:
    data = encoded(Pillow.fromarray(photo(64, 64)), kind)
    path = tmp_path / "cut.png"
    path.write_bytes(data[: int(part * len(data))])
    message = refusal(path)
    assert "truncated" in message or "not a readable image" in message  # TIFF: its directory comes last


def test_png_with_a_flipped_bit_is_not_another_picture(tmp_path: Path) -> None:
    data = bytearray(png(photo(), 2))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    assert "damaged" in refusal(tmp_path / "a.png")


def test_missing_folder_and_special_files(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.png")
    (tmp_path / "folder.png").mkdir()
    assert "not a regular file" in refusal(tmp_path / "folder.png")
    assert "not a regular file" in refusal(Path(os.devnull))


@pytest.mark.parametrize("ending", [".png", ".tif", ".fits", ".npy"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, ending: str) -> None:
    os.mkfifo(tmp_path / f"a{ending}")
    (source,) = sources_of(tmp_path / f"a{ending}")
    for look in (read, size_of):
        with pytest.raises(UsageError, match="not a regular file"):
            look(source)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(photo()).save(path)

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", denied)  # file modes do not bind every user
    assert "cannot be read: Permission denied" in refusal(path)


def test_cmyk_and_other_colour_spaces(tmp_path: Path) -> None:
    image = Pillow.fromarray(photo())
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert "a CMYK image" in refusal(tmp_path / "cmyk.jpg")
    image.convert("LAB").save(tmp_path / "lab.tif")
    assert "Lab" in refusal(tmp_path / "lab.tif")


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png(tmp_path: Path, colour: int, channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (8, 8, channels), dtype=np.uint16)
    (tmp_path / "deep.png").write_bytes(png(values, colour))
    assert "16 bits a value" in refusal(tmp_path / "deep.png")


def test_16_bit_tiff_ppm_and_floats(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (8, 8), dtype=np.uint16)
    Pillow.fromarray(deep).save(tmp_path / "grey.tif")
    assert "16 bits" in refusal(tmp_path / "grey.tif")
    values = np.repeat(deep[..., None], 3, axis=-1).astype(">u2").tobytes()
    (tmp_path / "deep.ppm").write_bytes(b"P6\n8 8\n65535\n" + values)
    assert "16 bits" in refusal(tmp_path / "deep.ppm")
    Pillow.fromarray(deep.astype(np.float32)).save(tmp_path / "float.tif")
    assert "floating-point" in refusal(tmp_path / "float.tif")


@pytest.mark.parametrize("planes", [1, 2])
def test_16_bit_rgb_tiff(tmp_path: Path, planes: int) -> None:
    tifffile = pytest.importorskip("tifffile", reason="writes the 16-bit colour TIFF of this test")
    values = np.random.default_rng(0).integers(0, 65536, (8, 8, 3), dtype=np.uint16)
    if planes == 2:
        values = np.moveaxis(values, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planes)
    assert "16 bits" in refusal(tmp_path / "a.tif")


def test_transparency(tmp_path: Path) -> None:
    image = Pillow.fromarray(photo())
    clear = image.convert("RGBA")
    clear.putpixel((3, 4), (1, 2, 3, 254))
    clear.save(tmp_path / "rgba.png")
    assert "alpha down to 254" in refusal(tmp_path / "rgba.png")
    image.quantize(8).save(tmp_path / "p.png", transparency=3)
    assert "transparent" in refusal(tmp_path / "p.png")
    pixels = photo()
    (tmp_path / "key.png").write_bytes(png(pixels, 2, chunk(b"tRNS", struct.pack(">HHH", *pixels[5, 5].tolist()))))
    assert "transparent" in refusal(tmp_path / "key.png")
    clear.save(tmp_path / "a.webp", lossless=True, exact=True)
    assert "transparent" in refusal(tmp_path / "a.webp")


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.tif", "TIFF"), ("a.webp", "WEBP"), ("a.jpg", "MPO")])
def test_several_frames(tmp_path: Path, name: str, kind: str) -> None:
    first, second = (Pillow.fromarray(photo(seed=s)) for s in (0, 1))
    first.save(tmp_path / name, kind, save_all=True, append_images=[second])
    assert "2 frames" in refusal(tmp_path / name)


@pytest.mark.parametrize("side", [10_000, 40_000])
def test_decompression_bomb(tmp_path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert "more than the 89478485" in refusal(tmp_path / "bomb.png")


def test_file_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(bytes(100))
    monkeypatch.setattr("bench.data.images.MAX_BYTES", 99)
    assert "100 bytes" in refusal(tmp_path / "a.png")


def test_a_message_is_one_printable_line_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b[31m.png"
    path.write_text("no")
    assert refusal(path).isprintable()

"""File formats beside the common ones: read exactly or refused; and tags that ask viewers to turn an image."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.formats import decoders
from bench.data.images import decode_noting, image_size, read_image
from tests.bench.data.test_images import encoded, photo, refusal


@pytest.mark.parametrize("name", ["a.pgm", "a.PNM", "a.tga", "a.jp2", "a.j2k", "a.gif", "a.jfif", "a.jpe"])
def test_grey_is_read_exactly(tmp_path: Path, name: str) -> None:
    grey = np.repeat(np.repeat(photo()[..., 0], 2, axis=0), 2, axis=1)
    kind = {"gif": "GIF", "pgm": "PPM", "PNM": "PPM", "tga": "TGA", "jp2": "JPEG2000", "j2k": "JPEG2000"}
    form = kind.get(name.partition(".")[2], "JPEG")
    options = {"no_jp2": name.endswith("j2k")} if form == "JPEG2000" else {}
    data = encoded(Pillow.fromarray(grey), form, **options)
    (tmp_path / name).write_bytes(data)
    expected = grey if form != "JPEG" else np.asarray(Pillow.open(io.BytesIO(data)))
    np.testing.assert_array_equal(read_image(tmp_path / name), np.stack([expected] * 3, axis=-1))
    assert image_size(tmp_path / name) == (64, 48)


@pytest.mark.parametrize(("name", "form"), [("a.tga", "TGA"), ("a.jp2", "JPEG2000"), ("a.pnm", "PPM")])
def test_colour_is_read_exactly(tmp_path: Path, name: str, form: str) -> None:
    pixels = photo(64, 80)
    (tmp_path / name).write_bytes(encoded(Pillow.fromarray(pixels), form))
    np.testing.assert_array_equal(read_image(tmp_path / name), pixels)


def test_the_plain_forms_of_netpbm(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_text("P2\n# a comment\n3 1\n255\n0 128 255\n")
    assert read_image(tmp_path / "a.pgm")[..., 1].tolist() == [[0, 128, 255]]
    (tmp_path / "a.pbm").write_text("P1\n3 1\n1 0 1\n")
    assert read_image(tmp_path / "a.pbm")[..., 1].tolist() == [[0, 255, 0]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_netpbm_file_of_two_images(tmp_path: Path, mode: str) -> None:
    one, other = (encoded(Pillow.fromarray(photo(5, 13, seed)).convert(mode), "PPM") for seed in range(2))
    (tmp_path / "a.pnm").write_bytes(one + other)
    assert "more than one image" in refusal(tmp_path / "a.pnm")
    (tmp_path / "a.pnm").write_bytes(one + b"\n")
    assert read_image(tmp_path / "a.pnm").shape == (5, 13, 3)


def test_qoi_by_hand(tmp_path: Path) -> None:
    pixels = photo(2, 3)
    body = b"".join(b"\xfe" + pixel.tobytes() for pixel in pixels.reshape(-1, 3))
    (tmp_path / "a.qoi").write_bytes(b"qoif" + struct.pack(">IIBB", 3, 2, 3, 0) + body + bytes(7) + b"\x01")
    np.testing.assert_array_equal(read_image(tmp_path / "a.qoi"), pixels)


def test_a_palette_of_a_gif(tmp_path: Path) -> None:
    image = Pillow.fromarray(photo()).quantize(16)
    image.save(tmp_path / "a.gif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), np.asarray(image.convert("RGB")))


def test_a_gif_of_several_frames_or_with_clear_pixels(tmp_path: Path) -> None:
    frames = [Pillow.fromarray(photo(seed=s)).quantize(16) for s in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert "3 frames" in refusal(tmp_path / "a.gif")
    frames[0].save(tmp_path / "b.gif", transparency=3)
    assert "transparent" in refusal(tmp_path / "b.gif")


@pytest.mark.parametrize("part", [0.3, 0.9])
@pytest.mark.parametrize(("name", "form"), [("a.tga", "TGA"), ("a.gif", "GIF"), ("a.pgm", "PPM")])
def test_truncated(tmp_path: Path, name: str, form: str, part: float) -> None:
    data = encoded(Pillow.fromarray(photo(64, 64)[..., 0]), form)
    (tmp_path / name).write_bytes(data[: int(part * len(data))])
    assert "truncated" in refusal(tmp_path / name)


def codestream(bits: int, components: int, signed: bool = False) -> bytes:
    """The head of a JPEG 2000 codestream of 8x8 pixels."""
    sizes = struct.pack(">HIIIIIIIIH", 0, 8, 8, 0, 0, 8, 8, 0, 0, components)
    each = bytes([bits - 1 | (0x80 if signed else 0), 1, 1]) * components
    marker = sizes + each
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(marker) + 2) + marker + b"\xff\x90" + bytes(64)


@pytest.mark.parametrize(("bits", "components", "words"), [(12, 3, "12 bits"), (16, 3, "16 bits"), (4, 1, "4 bits")])
def test_jpeg_2000_of_other_depths_is_refused(tmp_path: Path, bits: int, components: int, words: str) -> None:
    """Pillow would shift them to 8 bits."""
    (tmp_path / "a.j2k").write_bytes(codestream(bits, components))
    assert words in refusal(tmp_path / "a.j2k")


def test_jpeg_2000_with_a_sign_and_deep_grey_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.j2k").write_bytes(codestream(8, 3, signed=True))
    assert "signed 8 bits" in refusal(tmp_path / "a.j2k")
    deep = np.random.default_rng(0).integers(0, 65536, (32, 32), dtype=np.uint16)
    (tmp_path / "a.jp2").write_bytes(encoded(Pillow.fromarray(deep), "JPEG2000"))
    assert "16 bits" in refusal(tmp_path / "a.jp2")


def test_rare_decoders_take_files_of_their_endings_alone(tmp_path: Path) -> None:
    """A TGA has no mark: its decoder would take damaged files of other formats for pictures."""
    assert "TGA" not in decoders("a.png") and "TGA" in decoders("a.TGA")
    for form in ("TGA", "GIF", "JPEG2000"):
        (tmp_path / "a.png").write_bytes(encoded(Pillow.fromarray(photo(64, 64)[..., 0]), form))
        assert "not a readable image" in refusal(tmp_path / "a.png")
    (tmp_path / "a.tga").write_bytes(encoded(Pillow.fromarray(photo()), "PNG"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tga"), photo())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("form", "options"),
    [
        *[("TIFF", {"compression": name}) for name in (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg")],
        *[("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})],
    ],
    ids=str,
)
def test_an_image_is_read_as_stored_whatever_its_orientation(
    tmp_path: Path, form: str, options: dict[str, object], orientation: int
) -> None:
    image = Pillow.fromarray(photo(24, 40))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    tagged, plain = encoded(image, form, exif=exif, **options), encoded(image, form, **options)
    (tmp_path / "plain").write_bytes(plain)
    (tmp_path / "tagged").write_bytes(tagged)
    pixels, turned = decode_noting(tagged, "a")
    np.testing.assert_array_equal(pixels, read_image(tmp_path / "plain"))
    assert turned == (orientation != 1)
    assert image_size(tmp_path / "tagged") == image_size(tmp_path / "plain") == (40, 24)
    if form == "PNG":
        np.testing.assert_array_equal(pixels, photo(24, 40))


def test_grey_and_palette_tiffs_with_a_tag_and_one_in_xmp(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    grey = photo(24, 40)[..., 0]
    Pillow.fromarray(grey).save(tmp_path / "g.tif", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "g.tif")[..., 0], grey)
    palette = Pillow.fromarray(photo(24, 40)).quantize(16)
    palette.save(tmp_path / "p.tif", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "p.tif"), np.asarray(palette.convert("RGB")))
    xmp = Pillow.Exif()
    xmp[700] = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    Pillow.fromarray(photo(24, 40)).save(tmp_path / "x.tif", exif=xmp)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), photo(24, 40))

"""Files of other fields: 16 bits, floats, pages, FITS, arrays; and what their values mean."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from bench.data.frames import Source, list_sources, read, size_of, sources_of
from bench.data.sets import describe, load
from bench.errors import UsageError
from tests.bench.data.test_images import png
from tests.helpers.data_sets import fill, names, numbered, picture, refusal
from tests.helpers.harness import here, tiny

RNG = np.random.default_rng(0)


def deep(name: str, largest: int, kind: str = "uint16") -> np.ndarray:
    """A grey picture (40, 48) that reaches from 0 to `largest`."""
    grey = picture(name, 40, 48)[..., 0].astype(float)
    return ((grey - grey.min()) / np.ptp(grey) * largest).round().astype(kind)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "train" / "own", numbered(5), 48, 48)
    (tmp_path / "mine").mkdir()
    return tmp_path


def one(path: Path) -> np.ndarray:
    (source,) = sources_of(path)
    pixels, _, _ = read(source)
    assert size_of(source) == (pixels.shape[1], pixels.shape[0])
    return pixels


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        [read(source) for source in sources_of(path)]
    assert len(str(caught.value).splitlines()) == 1 and "expected" in str(caught.value)
    return str(caught.value)


def test_a_stack_of_30_pages_is_30_images(root: Path) -> None:
    stack = np.stack([deep(f"page {page}", 3000 + page) for page in range(30)])
    tifffile.imwrite(root / "mine" / "stack.tif", stack)
    Pillow.fromarray(deep("alone", 100)).save(root / "mine" / "alone.tif")
    data = load(str(root), patch=32, colour="auto")
    assert names(data.test[0]) == ["alone", *(f"stack-p{page:03d}" for page in range(1, 31))]
    assert data.white == {"integers": 4095.0} and data.channels == 1
    for image, page in zip(data.test[0].images[1:], stack, strict=True):
        np.testing.assert_allclose(image.pixels[..., 0], page * (255 / 4095), rtol=1e-6)
    assert data.training[0].images[0].pixels.dtype == np.uint8
    assert "White level of integers beyond 8 bits: 4095 (the smallest of 255, 1023, 4095, 16383 and 65535" in data.remarks[0]
    assert "the largest is 3029, in mine/stack-p030" in data.remarks[0]
    assert ("mine", "test", 31, "31 at 48x40") in describe(str(root))
    assert load(str(root), patch=32, test_images=3).test[0].of == 31


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (6, 4)])
def test_a_png_of_16_bits_is_exact(tmp_path: Path, colour: int, channels: int) -> None:
    values = RNG.integers(0, 65536, (9, 8, channels), dtype=np.uint16)
    if channels == 4:
        values[..., 3] = 65535
    (tmp_path / "deep.png").write_bytes(png(values, colour))
    np.testing.assert_array_equal(one(tmp_path / "deep.png"), values[..., :3])
    if channels == 4:
        values[0, 0, 3] = 65534
        (tmp_path / "deep.png").write_bytes(png(values, colour))
        assert "transparent pixels (alpha down to 65534 of 65535)" in refused(tmp_path / "deep.png")
    (tmp_path / "cut.png").write_bytes(png(values, colour)[:-30])
    assert "damaged, truncated" in refused(tmp_path / "cut.png")


@pytest.mark.parametrize("kind", ["uint16", ">u2", "int16", "int32", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(12, 9), (12, 9, 3)], ids=str)
def test_a_tiff_of_any_numbers_is_exact(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    values = RNG.integers(0, 30000, shape).astype(kind)
    compressed = {"compression": "zlib", "predictor": True} if kind == "uint16" else {}
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb" if len(shape) == 3 else "minisblack", **compressed)
    np.testing.assert_array_equal(one(tmp_path / "a.tif"), values.reshape(12, 9, -1))


def test_other_tiffs(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (3, 12, 9), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "planes.tif", values, photometric="rgb", planarconfig="separate", metadata=None)
    np.testing.assert_array_equal(one(tmp_path / "planes.tif"), np.moveaxis(values, 0, -1))
    Pillow.fromarray(values[0]).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(one(tmp_path / "lzw.tif")[..., 0], values[0])
    bytes_ = values.astype(np.uint8)
    first, *rest = [Pillow.fromarray(page) for page in bytes_]
    first.save(tmp_path / "lzw8.tif", compression="tiff_lzw", save_all=True, append_images=rest)
    for source, page in zip(sources_of(tmp_path / "lzw8.tif"), bytes_, strict=True):
        np.testing.assert_array_equal(read(source)[0], np.repeat(page[..., None], 3, axis=2))
    with tifffile.TiffWriter(tmp_path / "small.tif") as file:  # a smaller copy after the image
        file.write(values[0])
        file.write(values[0, ::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(one(tmp_path / "small.tif")[..., 0], values[0])
    tifffile.imwrite(tmp_path / "complex.tif", values[0].astype(np.complex64))
    assert "values of type complex64" in refused(tmp_path / "complex.tif")
    tifffile.imwrite(tmp_path / "white.tif", values[0], photometric="miniswhite")
    assert "MINISWHITE" in refused(tmp_path / "white.tif")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "planes.tif").read_bytes()[:300])
    assert "damaged" in refused(tmp_path / "cut.tif")


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("pages", [2, 3, 4, 5])
def test_a_stack_of_a_few_pages_is_no_colour_image(tmp_path: Path, pages: int, kind: str) -> None:
    """tifffile marks arrays of 3 and 4 planes as colour."""
    values = RNG.integers(0, 256, (pages, 12, 9)).astype(kind)
    tifffile.imwrite(tmp_path / "pages.tif", values, photometric="minisblack")
    for source, page in zip(sources_of(tmp_path / "pages.tif"), values, strict=True):
        np.testing.assert_array_equal(read(source)[0][..., 0], page)
    if pages in (3, 4):  # what it writes of the array alone
        tifffile.imwrite(tmp_path / "bare.tif", values, photometric="rgb", planarconfig="separate")
        assert f"bare.tif: {pages} planes marked as channels" in refused(tmp_path / "bare.tif")


def test_arrays(tmp_path: Path) -> None:
    for shape, pages in (((9, 8), 1), ((9, 8, 3), 1), ((9, 8, 1), 1), ((4, 9, 8), 4), ((2, 9, 8, 3), 2), ((3, 9, 8, 1), 3)):
        values = RNG.random(shape, dtype=np.float32)
        np.save(tmp_path / "a.npy", values)
        found = sources_of(tmp_path / "a.npy")
        assert len(found) == pages and {size_of(source) for source in found} == {(8, 9)}
        own = values if pages > 1 else values[None]
        for source, page in zip(found, own, strict=True):
            np.testing.assert_array_equal(read(source)[0], page.reshape(9, 8, -1))
    assert [source.name for source in found] == ["a-p001", "a-p002", "a-p003"]
    for name, values, words in (
        ("pickled", np.array([[{}] * 20] * 20, dtype=object), "pickle"),
        ("line", np.zeros(30), "an array of shape (30,)"),
        ("empty", np.zeros((0, 20, 20)), "an array of shape (0, 20, 20)"),
        ("truth", np.zeros((20, 20), bool), "values of type bool"),
        ("many", np.zeros((2, 2, 20, 20)), "an array of shape (2, 2, 20, 20)"),
        ("first", np.zeros((3, 20, 21)), "(20, 21, 3) is an image in colour, (3, 20, 21, 1) is three pages"),
    ):
        np.save(tmp_path / f"{name}.npy", values, allow_pickle=True)
        assert words in refused(tmp_path / f"{name}.npy"), name
    np.save(tmp_path / "bytes.npy", np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert one(tmp_path / "bytes.npy").shape == (16, 16, 3)  # as other files of 8 bits


def test_fits(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits", reason="FITS needs astropy")
    counts = RNG.integers(0, 65536, (3, 9, 8), dtype=np.uint16)
    fits.PrimaryHDU(counts).writeto(tmp_path / "cube.fits")
    for source, page in zip(sources_of(tmp_path / "cube.fits"), counts, strict=True):
        np.testing.assert_array_equal(read(source)[0][..., 0], page)
    rates = RNG.random((9, 8))
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(rates)]).writeto(tmp_path / "second.fit")
    np.testing.assert_array_equal(one(tmp_path / "second.fit")[..., 0], rates)
    fits.PrimaryHDU().writeto(tmp_path / "none.fits")
    assert "a FITS file without an image" in refused(tmp_path / "none.fits")
    (tmp_path / "text.fits").write_text("no")
    assert "expected" in refused(tmp_path / "text.fits")


def test_fits_without_astropy_names_the_extra(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("astropy", "astropy.io", "astropy.io.fits"):
        monkeypatch.setitem(sys.modules, name, None)
    (root / "mine" / "sky.fits").write_bytes(b"SIMPLE  =")
    assert "astropy is not installed; expected pip install 'denoisebench[science]'" in refusal(root)


def test_names_that_pages_take_are_one_image_each(root: Path) -> None:
    np.save(root / "mine" / "a.npy", np.zeros((2, 20, 20)))
    Pillow.fromarray(picture("x", 20, 20)).save(root / "mine" / "a-p002.png")
    assert "a.npy and a-p002.png have an image a-p002" in refusal(root).replace("a-p002.png and a.npy", "a.npy and a-p002.png")
    assert str(Source(Path("s.tif"), 2, 30)) == "s.tif, page 3 of 30"
    (root / "mine" / "a-p002.png").unlink()
    assert len(list_sources(root / "mine")) == 2


def test_the_white_level(root: Path) -> None:
    path = root / "mine" / "a.npy"
    for largest, kind, level in ((255, "uint16", 255), (256, "uint16", 1023), (4096, "int32", 16383), (65535, "uint16", 65535)):
        np.save(path, deep("a", largest, kind))
        data = load(str(root), patch=32)
        assert data.white == {"integers": level}
        assert data.test[0].images[0].pixels.max() == pytest.approx(255 * largest / level, rel=1e-6)
    assert load(str(root), patch=32, white="65535").white == {"integers": 65535.0}
    np.save(path, deep("a", 65536, "int64"))
    assert "mine/a: integers up to 65536; expected at most 65535, or --white LEVEL" in refusal(root)
    np.save(path, deep("a", 200, "float32"))
    assert "mine/a: floats up to 200; expected at most 1, or --white LEVEL" in refusal(root)
    assert load(str(root), patch=32, white="255").test[0].images[0].pixels.max() == 200
    np.save(path, deep("a", 200, "float32") / 200)
    assert load(str(root), patch=32).test[0].images[0].pixels.max() == 255
    np.save(path, np.zeros((40, 40)))
    assert "floats up to 0; expected an image with values above 0" in refusal(root)
    for word in ("0", "-1", "nan", "inf", "white"):
        with pytest.raises(UsageError, match=f"^--white '{word}': expected auto, or a number above 0"):
            load(str(root), patch=32, white=word)


def test_values_that_cannot_be(root: Path) -> None:
    values = deep("a", 1000, "float64") / 1000
    values[3, 4] = np.nan
    values[5, 6] = np.inf
    np.save(root / "mine" / "a.npy", values)
    assert "a.npy: 2 values that are no finite numbers, the first in row 3, column 4; expected numbers" in refusal(root)
    values[3, 4], values[5, 6] = -0.25, 1.5
    np.save(root / "mine" / "a.npy", values)
    data = load(str(root), patch=32, white="1")
    assert "1 values in 1 images below 0 are set to 0 (the first in mine/a)." in data.remarks
    assert "1 values in 1 images above the white level are set to it (the first in mine/a)." in data.remarks
    (image,) = data.test[0].images
    assert image.pixels[3, 4, 0] == 0 and image.pixels[5, 6, 0] == 255


@pytest.mark.slow(5)
def test_a_run_on_a_stack(root: Path, tmp_path: Path) -> None:
    tifffile.imwrite(root / "mine" / "stack.tif", np.stack([deep(f"page {page}", 3000) for page in range(2)]))
    words = ("run", "--data", root, "--workers", "1", "--methods", "noisy,supervised", "--noise", "1", *tiny("test_images=0"))
    status, printed, error = here(*words, "--out", tmp_path / "run")
    assert (status, error) == (0, "") and "White level" in printed.splitlines()[0], printed
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["settings"]["white"] == {"integers": 4095.0} and any("White level" in note for note in told["notes"])
    status, _, error = here(*words, "--out", tmp_path / "run", "--white", "65535")
    assert status == 2 and "white.integers is 4095.0 there and 65535.0 now" in error

"""Fuzzing of the files with a format of their own: tensors, checkpoints, images (see test_fuzz)."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from bench.data.images import image_size, read_image
from bench.errors import UsageError
from bench.files.tensors import read_tensors, write_tensors
from bench.training.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, write_checkpoint
from tests.helpers.fuzzing import dumped, fuzz, no_hang, spoiled_bytes, spoiled_json

pytestmark = pytest.mark.slow(3)

# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tensors")
    found = {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.tensor(1, dtype=torch.int64)}
    write_tensors(folder / "good", found, {"key": "k"})
    write_checkpoint(folder, "k", Checkpoint(3, 1e-3, 1, [(1, 0.5), (3, 0.25)], [(3, 25.0)], 2.5, 3, found))
    return folder


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Safetensors with a spoiled header of the right length, and with any length told."""
    good = {
        "__metadata__": {"key": "k", "sha256": "0" * 64, "checkpoint": "{}"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b.c": {"dtype": "I64", "shape": [], "data_offsets": [24, 32]},
    }
    header = dumped(draw(spoiled_json(good)))
    told = draw(st.one_of(st.just(len(header)), st.integers(0, 2**64 - 1)))
    return struct.pack("<Q", told) + header + draw(st.sampled_from((bytes(32), b"", bytes(64))))


@fuzz(0.2)
@given(st.data())
def test_safetensors(tensors: Path, data: st.DataObject) -> None:
    good = (tensors / "good").read_bytes()
    content = data.draw(spoiled_bytes([good]) | headers())
    (tensors / "spoiled").write_bytes(content)
    try:
        with no_hang():
            found = read_tensors(tensors / "spoiled", "k")
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert found is not None
    expected = safetensors.torch.load(good)  # what passes the hash is what was written
    assert found[0].keys() == expected.keys() and all(torch.equal(found[0][name], expected[name]) for name in expected)


@fuzz(0.1)
@given(st.data())
def test_checkpoints(tensors: Path, data: st.DataObject) -> None:
    path = checkpoint_path(tensors, "k")
    good = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(spoiled_bytes([good])))
    else:  # with a hash that is right
        told = {
            "step": 3,
            "learning_rate": 1e-3,
            "accumulate": 1,
            "loss": [[1, 0.5]],
            "validation": [],
            "seconds": 2.5,
            "recorded": 3,
        }
        about = {"key": "k", "checkpoint": dumped(data.draw(spoiled_json(told))).decode()}
        write_tensors(path, {"total": torch.zeros(())}, about)
    try:
        with no_hang():
            found = read_checkpoint(tensors, "k")
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert found is None or (found.step >= 0 and all(len(point) == 2 for point in found.loss))
    finally:
        path.write_bytes(good)


# --- images -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures") / "a.png"


def _pictures() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    picture = Pillow.fromarray(pixels)
    found = []
    for form, mode, options in (
        *(("PNG", "RGB", {}), ("PNG", "P", {"transparency": 3}), ("PNG", "RGBA", {}), ("JPEG", "RGB", {}), ("JPEG", "L", {})),
        *(("JPEG", "RGB", {"progressive": True}), ("BMP", "RGB", {}), ("PPM", "RGB", {}), ("WEBP", "RGB", {})),
        *(("TIFF", "RGB", {}), ("TIFF", "L", {"compression": "tiff_lzw"}), ("TIFF", "1", {"compression": "group4"})),
    ):
        buffer = io.BytesIO()
        picture.convert(mode).save(buffer, form, **options)
        found.append(buffer.getvalue())
    return found


@st.composite
def pngs(draw: st.DrawFn) -> bytes:
    """PNGs with any header, checksums right."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    sizes = st.sampled_from((0, 1, 7, 9, 10**4, 2**16, 2**31 - 1, 2**32 - 1))
    small = st.integers(0, 255)
    header = struct.pack(
        ">IIBBBBB", draw(sizes), draw(sizes), *(draw(small | st.sampled_from((0, 2, 8, 16))) for _ in range(5))
    )
    extra = chunk(draw(st.sampled_from((b"tRNS", b"PLTE", b"zTXt", b"iCCP", b"acTL", b"eXIf"))), draw(st.binary(max_size=20)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(bytes(300))) + chunk(b"IEND", b"")
    )


@fuzz(0.2)
@given(spoiled_bytes(_pictures()) | pngs())
def test_images(picture: Path, content: bytes) -> None:
    picture.write_bytes(content)
    try:
        with no_hang():
            pixels = read_image(picture)
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size
    except UsageError as error:
        assert str(error).isprintable() and "; expected " in str(error)
    try:
        width, height = image_size(picture)
        assert width >= 0 and height >= 0
    except UsageError as error:
        assert str(error).isprintable()

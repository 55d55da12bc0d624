"""No part of a test image in the training set: what is found, and what is equal by chance."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.apart import overlap
from bench.data.apart.overlap import SIDE, numbers_of, overlaps, squares_of
from bench.data.sets import load
from bench.errors import UsageError
from tests.bench.data.test_separation import pictures, texture

PHOTO = pictures()[1]  # with structure everywhere


def found(test: np.ndarray, training: np.ndarray) -> list[str]:
    return overlaps([("a", numbers_of(test))], [squares_of("other", texture(7)), squares_of("b", training)])


#: Two images of one picture: a part and the whole, either way round, or two parts that overlap.
PAIRS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "training is a part": lambda p: (p, p[37:165, 51:179]),
    "test is a part": lambda p: (p[37:165, 51:179], p),
    "a small part": lambda p: (p, p[60:108, 61:109]),
    "shifted": lambda p: (p[:-5, 3:], p[5:, :-3]),
    "half of each": lambda p: (p[:, : p.shape[1] * 2 // 3], p[:, p.shape[1] // 3 :]),
    "a grey part": lambda p: (p, np.repeat(np.asarray(Pillow.fromarray(p).convert("L"))[37:165, 51:179, None], 3, axis=2)),
    "16 bits": lambda p: (p.astype(np.uint16) * 200, p[37:165, 51:179].astype(np.uint16) * 200),
    "floats": lambda p: (p / 255, p[37:165, 51:179] / 255),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_parts_are_found(pair: str) -> None:
    (words,) = found(*PAIRS[pair](PHOTO))
    assert words.startswith("a and b (") and words.endswith(f"squares of {SIDE}x{SIDE} pixels are equal)")


@pytest.mark.parametrize("turn", range(8))
def test_turned_and_mirrored_parts_are_found(turn: int) -> None:
    part = np.rot90(PHOTO[20:140, 30:190, :][:, :: -1 if turn >= 4 else 1], turn % 4)
    assert found(PHOTO, part) and found(part, PHOTO)


def test_other_pictures_pass() -> None:
    for index, one in enumerate(pictures()):
        assert overlaps([("a", numbers_of(one))], [squares_of(str(i), p) for i, p in enumerate(pictures()) if i != index]) == []


@pytest.mark.parametrize("kind", ["logo", "board", "ramp", "steep ramp", "blank"])
def test_what_is_equal_by_chance_passes(kind: str) -> None:
    """A part that many pages share, and what is drawn by a rule."""
    one, other = texture(1, 1.0, 128), texture(2, 1.0, 128)
    if kind == "logo":
        one[32:80, 32:80] = other[16:64, 48:96]
    else:
        rows, columns = np.mgrid[:128, :128]
        drawn = {
            "board": 255 * ((rows // 4 + columns // 4) % 2),
            "ramp": rows + columns,
            "steep ramp": 3 * rows % 256,
            "blank": 0,
        }
        one, other = (np.repeat((np.zeros((128, 128)) + drawn[kind])[..., None], 3, axis=2).astype(np.uint8) for _ in range(2))
        other = other[3:, 5:]
    assert found(one, other) == []


def test_what_was_compressed_as_well_is_not_found() -> None:
    """As the module says."""
    out = io.BytesIO()
    Pillow.fromarray(PHOTO[37:165, 51:179]).save(out, "JPEG", quality=80)
    assert found(PHOTO, np.asarray(Pillow.open(out))) == []


def test_hashes_are_rolled_over_an_image() -> None:
    """Against each square's own sum, in Python's whole numbers."""
    numbers = np.random.default_rng(0).integers(0, 256, (19, 21), dtype=np.uint8)
    rolled = overlap._rolled(numbers.astype(np.uint64))
    assert rolled.shape == (19 - SIDE + 1, 21 - SIDE + 1)
    for row, column in ((0, 0), (2, 3), (3, 5)):
        powers = [[overlap._DOWN ** (15 - i) * overlap._ALONG ** (15 - j) for j in range(SIDE)] for i in range(SIDE)]
        square = numbers[row : row + SIDE, column : column + SIDE].tolist()
        expected = sum(a * b for one, two in zip(square, powers, strict=True) for a, b in zip(one, two, strict=True))
        assert int(rolled[row, column]) == expected % 2**64


def test_large_images_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(PHOTO, PHOTO[37:165, 51:179])
    monkeypatch.setattr(overlap, "_ROWS", 40)
    assert found(PHOTO, PHOTO[37:165, 51:179]) == whole


def test_small_images_pass() -> None:
    assert found(PHOTO[:8, :8], PHOTO[:8, :8]) == [] == found(PHOTO[:17, :17], PHOTO[:17, :17])
    assert overlaps([], []) == []


def test_a_run_is_refused(tmp_path: Path) -> None:
    for name, pixels in (
        ("tests/whole.png", PHOTO),
        ("train/mine/part.png", PHOTO[37:165, 51:179]),
        *((f"train/mine/{seed}.png", texture(seed)) for seed in range(3)),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(pixels).save(tmp_path / name)
    with pytest.raises(
        UsageError, match=r"parts of test images in the training set \(1 image\): tests/whole and train/mine/part "
    ):
        load(str(tmp_path), patch=16)
    assert "overlaps" not in load(str(tmp_path), patch=16, parts=False).separation
    (tmp_path / "train" / "mine" / "part.png").unlink()
    assert "no test image overlaps a training image" in load(str(tmp_path), patch=16).separation

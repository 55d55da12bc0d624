"""Blank and grey images, against what a person would call them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.content import is_blank, is_grey
from bench.data.sets import load
from tests.helpers.data_sets import picture

RNG = np.random.default_rng(0)


def constant(*colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (60, 70, 3)).copy()


def hot() -> np.ndarray:
    """A dark frame with hot pixels, one of them where a look at every eighth pixel finds it."""
    pixels = constant(2, 2, 2)
    pixels[8, 16] = pixels[31, 33] = 255
    return pixels


def ramp() -> np.ndarray:
    """A clear sky."""
    return np.broadcast_to(np.linspace(150, 190, 70).astype(np.uint8)[None, :, None], (60, 70, 3))


BLANK = {
    "black": constant(0, 0, 0),
    "white": constant(255, 255, 255),
    "one colour": constant(200, 30, 60),
    "a dark frame": RNG.integers(0, 4, (60, 70, 3), dtype=np.uint8),
    "paper": np.clip(250 + RNG.normal(0, 1, (60, 70, 3)), 0, 255).round().astype(np.uint8),
    "hot pixels": hot(),
}
PICTURES = {
    "noise": RNG.integers(0, 256, (60, 70, 3), dtype=np.uint8),
    "little noise": np.clip(128 + RNG.normal(0, 4, (60, 70, 3)), 0, 255).astype(np.uint8),
    "sky": ramp(),
    "half black": np.concatenate([constant(0, 0, 0), constant(255, 255, 255)]),
    "one channel": np.dstack([constant(9, 9, 9)[..., :2], picture("a", 60, 70)[..., 0]]),
    "stars": np.where(RNG.random((60, 70, 1)) < 0.02, constant(255, 255, 255), constant(0, 0, 0)),
}


@pytest.mark.parametrize("name", BLANK)
def test_blank(name: str) -> None:
    assert is_blank(BLANK[name])


@pytest.mark.parametrize("name", PICTURES)
def test_not_blank(name: str) -> None:
    assert not is_blank(PICTURES[name])


def test_photographs_are_neither() -> None:
    data = load("sample", patch=16)
    photographs = [image.pixels for s in (*data.test, *data.training, data.validation) for image in s.images]
    assert not any(is_blank(pixels) or is_grey(pixels) for pixels in photographs)
    for pixels in photographs:
        grey = np.repeat(pixels[..., :1], 3, axis=2)
        assert is_grey(grey)
        scanned = np.clip(grey + RNG.integers(-2, 3, grey.shape), 0, 255).astype(np.uint8)
        scanned[3, 5] = (255, 0, 0)  # a stamp
        assert is_grey(scanned)
        tinted = np.clip(grey + np.array([6, 0, -6]), 0, 255).astype(np.uint8)
        assert not is_grey(tinted)
        grey[:20, :, 1] ^= 16  # a part in colour
        assert not is_grey(grey)

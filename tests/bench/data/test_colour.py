"""Grey images of colour ones, and whether a run is in grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.colour import channels_for, grey_of, with_channels
from bench.data.sets import load, load_tests
from tests.helpers.data_sets import everything, fill, numbered, picture


def save(folder: Path, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(folder / f"{name}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        save(tmp_path / "mine", name, picture(f"mine/{name}", 48, 64)[..., 0])
    fill(tmp_path / "train" / "set", numbered(5))
    return tmp_path


def test_grey_values_are_those_of_rgb2gray() -> None:
    """Known values: the primaries, their pairs and white, 255 times sums of the weights; and a mean of 1.5, rounded up."""
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 255, 255], [5, 0, 0]]], np.uint8)
    assert grey_of(primaries)[0, :, 0].tolist() == [76, 150, 29, 226, 255, 1]
    assert grey_of(primaries).dtype == np.uint8
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (50, 40, 3), dtype=np.uint8)
    luma = np.asarray(Pillow.fromarray(pixels).convert("L"), dtype=int)  # 0.299, 0.587, 0.114, which are near
    assert abs(grey_of(pixels)[..., 0].astype(int) - luma).max() <= 1
    floats = pixels.astype(np.float32)
    np.testing.assert_allclose(grey_of(floats)[..., 0], floats @ np.array([0.2989, 0.5870, 0.1140]), rtol=2e-4)
    assert grey_of(floats).dtype == np.float32


def test_equal_channels_are_kept_as_they_are() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(grey_of(np.repeat(grey, 3, axis=2)), grey)
    np.testing.assert_array_equal(with_channels(grey, 3), np.repeat(grey, 3, axis=2))
    assert with_channels(grey, 1) is grey


def test_the_test_images_decide() -> None:
    grey, colour, black = (
        np.repeat(picture("x", 40, 40)[..., :1], 3, 2),
        picture("y", 40, 40),
        np.zeros((40, 40, 3), np.uint8),
    )
    assert [channels_for("auto", images) for images in ([grey], [grey, black], [grey, colour], [colour], [black])] == [
        1,
        1,
        3,
        3,
        3,
    ]
    assert channels_for("grey", [colour]) == 1 and channels_for("rgb", [grey]) == 3


def test_grey_test_images_make_all_images_grey(root: Path) -> None:
    data = load(str(root), patch=32, colour="auto")
    assert data.channels == 1
    for image in (image for chosen in everything(data) for image in chosen.images):
        assert image.pixels.shape[2] == 1 and not image.pixels.flags.writeable
    np.testing.assert_array_equal(data.test[0].images[0].pixels[..., 0], picture("mine/a", 48, 64)[..., 0])
    assert any(text.startswith("4 of 4 training images are in colour: made grey") for text in data.remarks)
    as_before = load(str(root), patch=32)
    assert as_before.channels == 3 and not as_before.remarks
    assert [chosen.sha256 for chosen in everything(data)] == [chosen.sha256 for chosen in everything(as_before)]
    assert {image.pixels.shape for image in load_tests(str(root), colour="auto")[0].images} == {(48, 64, 1)}


def test_one_image_in_colour_makes_a_run_of_colour(root: Path) -> None:
    fill(root / "other", ["c"])
    assert load(str(root), patch=32, colour="auto").channels == 3
    assert load(str(root), patch=32, colour="auto", test_sets=["mine"]).channels == 1
    assert load(str(root), patch=32, colour="grey").channels == 1

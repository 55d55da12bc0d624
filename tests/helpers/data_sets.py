"""Folders of made-up pictures as data sets, and what is told of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from bench.data.sets import Data, ImageSet, load
from bench.errors import UsageError


def picture(name: str, height: int, width: int) -> np.ndarray:
    """A picture that only `name` decides, unlike any other."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    noise = gaussian_filter(rng.normal(size=(height, width, 3)), (2, 2, 0))
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


def fill(folder: Path, names: list[str], height: int = 48, width: int = 64) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Pillow.fromarray(picture(f"{folder.name}/{name}", height, width)).save(folder / f"{name}.png", compress_level=1)
    return folder


def numbered(count: int) -> list[str]:
    return [f"{i:03d}" for i in range(count)]


def names(images: ImageSet) -> list[str]:
    return [image.name for image in images.images]


def refusal(source: Path | str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        load(str(source), **{"patch": 32, **options})  # type: ignore[arg-type]
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert "; expected " in message
    return message


def everything(data: Data) -> list[ImageSet]:
    return [*data.test, *data.training, data.validation]

"""Pictures for the crops of synthetic runs."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

Picture = Callable[[str, str, int, str], np.ndarray]  # data set, image, noise number, method or "clean" -> (H, W, 3) uint8


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def square(side: int) -> Picture:
    """A gradient with an edge, noisier for some methods: cheap, and different for every cell."""

    def draw(dataset: str, image: str, number: int, method: str) -> np.ndarray:
        row, column = np.mgrid[0:side, 0:side]
        clean = np.stack([row * 255 / side, column * 255 / side, np.where(row + column > side, 200, 60)], axis=-1)
        if method == "clean":
            return clean.astype(np.uint8)
        generator = np.random.default_rng([number, *map(ord, method + image + dataset)])
        spread = 25 if method == "noisy" else 6
        return np.clip(clean + generator.normal(0, spread, clean.shape), 0, 255).astype(np.uint8)

    return draw

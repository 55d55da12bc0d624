"""Noisy PSNR on Kodak against figures measured with an independent sampler: the parameters mean what they should."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import noise

#: PSNR (dB) of y against x, Nos. 1-16: mean over the 24 images, peak 255, neither clipped nor rounded.
EXPECTED = (
    *(20.17, 26.95, 17.02, 23.80, 20.81, 26.19, 20.89, 26.28),
    *(14.11, 14.97, 20.03, 23.98, 20.13, 24.06, 13.93, 14.75),
)
DATA = os.environ.get("DENOISEBENCH_DATA", "")


@pytest.fixture(scope="module")
def kodak():
    """The 24 centre crops of 480x480 out of those of 500x500, (24, 3, 480, 480)."""
    folder = Path(DATA) / "kodak24"
    if not DATA or not folder.is_dir():
        pytest.skip("set DENOISEBENCH_DATA to a folder that holds kodak24/ to run this test")
    images = []
    for path in sorted(folder.glob("*.png")):
        pixels = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)
        for size in (500, 480):
            top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
            pixels = pixels[top : top + size, left : left + size]
        images.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
    assert len(images) == 24
    return torch.stack(images)


@pytest.mark.parametrize("model", noise.catalogue(), ids=lambda model: model.slug)
def test_noisy_psnr_on_kodak(model, kodak):
    errors = []
    for index, x in enumerate(kodak):
        y = model.sample(x, torch.Generator().manual_seed(100 * model.number + index))
        errors.append(float(((y - x).double() ** 2).mean()))
    psnr = float(np.mean(10 * np.log10(255**2 / np.array(errors))))
    assert psnr == pytest.approx(EXPECTED[model.number - 1], abs=0.05)

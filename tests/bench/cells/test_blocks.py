"""Large images in parts: what is local, and what a network sees, is as in the whole image; scores are equal."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch.nn import functional as F

from bench.cells import blocks as module
from bench.cells import denoising, metrics
from bench.cells.blocks import blocks, in_blocks, weights
from bench.data.sets import Image
from bench.plan.cells import Cell, Entry
from bench.training.networks import UNet
from bench.training.tiles import in_tiles
from methods import answers, get
from noise import get as noise_of


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SIDE", 60), ("HALO", 20), ("FADE", 8)):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("length", [1, 30, 59, 60, 61, 95, 150, 333])
@pytest.mark.parametrize("window", [1, 16, 32, 48])
def test_weights_come_to_one_and_blocks_reach_beyond_them(length: int, window: int) -> None:
    total = torch.zeros(length)
    for block in blocks(length, window):
        share = weights(block, length)
        total[block.start : block.end] += share
        assert 0 <= block.start < block.end <= length
        assert block.start == 0 or not share[: 20 - 8].any()  # what is near an edge inside of the image has no weight
        assert block.end == length or not share[-(20 - 8) :].any()
    torch.testing.assert_close(total, torch.ones(length))


@pytest.mark.parametrize("size", [(150, 131), (64, 300), (61, 59)], ids=str)
def test_what_is_local_is_as_of_the_whole(size: tuple[int, int]) -> None:
    y = 255 * torch.rand(1, 2, *size)
    most = [0]

    def blurred(x: torch.Tensor) -> torch.Tensor:
        most[0] = max(most[0], x.shape[-2] * x.shape[-1])
        return F.avg_pool2d(F.pad(x, [5] * 4, mode="reflect"), 11, stride=1)

    torch.testing.assert_close(in_blocks(blurred, y, 32), blurred(y), rtol=1e-5, atol=1e-3)
    assert most[0] <= size[0] * size[1]


def test_a_network_sees_the_tiles_of_the_whole() -> None:
    """The mean of a tile, which no tile elsewhere has."""
    y = torch.rand(1, 1, 200, 170)

    def seen(x: torch.Tensor) -> torch.Tensor:
        return in_tiles(lambda tile: tile - tile.mean((-2, -1), keepdim=True), x, 32)

    torch.testing.assert_close(in_blocks(seen, y, 32), seen(y), rtol=0, atol=1e-6)


def test_a_number_of_each_block_makes_no_step() -> None:
    y = torch.rand(1, 1, 150, 20)
    cut = blocks(150, 32)[1].first
    levels = iter((10.0, 20.0, 30.0))
    result = in_blocks(lambda x: torch.full_like(x, next(levels)), y, 32)[0, 0, :, 0]
    assert result[cut - 9] == 10 and result[cut + 8] == 20
    assert (result[1:] - result[:-1]).abs().max() <= 10 / 16 + 1e-5


@pytest.mark.parametrize(("slug", "number"), [("supervised", 1), ("score-solver", 4), ("noise2score", 8)])
def test_a_large_image_is_denoised_as_a_small_one(slug: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    method, model = get(slug), noise_of(number)
    answer, decorrelated = answers(method, model)
    cell = Cell(Entry(number, model.slug, slug, 0, answer.verdict, answer.reason, "key", decorrelated), model, method)
    torch.manual_seed(0)
    network = UNet(4, (1, 2), 1, attention=False).eval()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    network.window = 32
    image = Image("set", "name", np.random.default_rng(0).integers(60, 200, (140, 130, 3), dtype=np.uint8))
    _, noisy = denoising.noisy_image(image, model, 0)
    whole = denoising.denoise(network, cell, noisy, image)
    monkeypatch.setattr(denoising, "LARGE", 1000)
    found = denoising.denoise(network, cell, noisy, image)
    inner = np.s_[:, 16:-16, 16:-16]  # at the edges A, where a method applies it itself, joins those of the block
    torch.testing.assert_close(found[inner], whole[inner], rtol=0, atol=0.02)
    monkeypatch.setattr(denoising, "in_blocks", None)  # of a network that sees the whole image, there are none
    assert denoising.denoise(replace_window(network), cell, noisy, image).shape == whole.shape


def replace_window(network: UNet) -> UNet:
    network.window = None
    return network


@pytest.mark.parametrize("size", [(300, 41), (129, 64), (128, 33), (139, 35)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_scores_in_strips_are_those_of_the_whole(size: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = torch.randint(256, (channels, *size), generator=torch.Generator().manual_seed(0)).float()
    denoised = clean + 20 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    found = metrics.score(denoised, clean)
    monkeypatch.setattr(metrics, "_ROWS", 1000)
    assert metrics.score(denoised, clean) == pytest.approx(found, abs=1e-9)
    stored = denoised.double().clamp(0, 255).round().numpy()
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    known = structural_similarity(clean.double().numpy(), stored, data_range=255, channel_axis=0, **gaussian)
    assert found["ssim"] == pytest.approx(known, abs=1e-9)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(clean.double().numpy(), stored, data_range=255), abs=1e-9)
    assert metrics.psnr(clean, clean, 255.0) == 60 and math.isnan(metrics.psnr(clean / 0, clean, 255.0))
    one = metrics.score(denoised[:1].expand(3, -1, -1), clean[:1].expand(3, -1, -1))  # three equal channels score as one
    assert metrics.score(denoised[:1], clean[:1]) == pytest.approx(one, abs=1e-9)


def test_images_of_more_than_8_bits_are_not_rounded() -> None:
    clean = 255 * torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))
    assert metrics.score(clean + 1e-4, clean)["psnr"] == metrics.score(clean + 1e-4, clean)["psnr_paper"] == 60
    assert metrics.score(clean.round() + 0.4, clean.round())["psnr"] == 60
    assert metrics.score(clean + 0.4, clean)["psnr"] == pytest.approx(10 * math.log10(255**2 / 0.16), abs=0.05)

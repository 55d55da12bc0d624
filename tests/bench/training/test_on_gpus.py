"""What a training on a GPU rests on: no step waits for the device, and bfloat16 gives about the same gradients and training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

import methods
import noise
from bench.plan.settings import Preset
from bench.training.loop import train
from bench.training.networks import make_network
from bench.training.patches import make_patches
from methods import Batch

TRAINED = [slug for slug, method in methods.catalogue().items() if method.trains and not method.pairs]
PRESET = Preset(
    channels=16, multipliers=(1, 2), blocks=1, attention=False,
    steps=200, patches=4, patch=32, learning_rate=1e-3, warmup=5, ema=0.9, clip=1.5, checks=1,
)  # fmt: skip


def trained(slug: str, steps: int, device: torch.device, images: list[object]) -> torch.nn.Module:
    method, preset = methods.get(slug), replace(PRESET, steps=steps)
    patches = make_patches(images, noise.get(1), None, 0, method.supervised, device)  # type: ignore[arg-type]
    network = make_network(preset, device)
    return train(
        network, method, noise.get(1), patches, preset, "seed", device, lambda share, loss: None, lambda average: 0.0
    )[0]  # fmt: skip


def waits(work: Callable[[], object]) -> int:
    """How often the host waited for the device, by CUDA's own account."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(each.message) for each in told)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("slug", TRAINED)
def test_steps_do_not_wait_for_the_device(slug: str, random_images) -> None:  # type: ignore[no-untyped-def]
    """A training of 200 steps and one of 400 record a hundred losses each, and wait equally often."""
    gpu, images = torch.device("cuda"), random_images("train", ("a", "b"), 64, 48)
    trained(slug, 200, gpu, images)  # kernels are chosen
    short, long = (waits(lambda steps=steps: trained(slug, steps, gpu, images)) for steps in (200, 400))  # type: ignore[misc]
    assert 100 <= short == long


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_short_training_in_bfloat16_is_as_good_as_in_float32(random_images, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    gpu, images = torch.device("cuda"), random_images("train", ("a", "b"), 64, 48)
    clean = torch.stack([torch.from_numpy(image.pixels.copy()).permute(2, 0, 1).float() for image in images]).to(gpu)
    y = clean + 25 * torch.randn(clean.shape, device=gpu, generator=torch.Generator(gpu).manual_seed(0))
    found, autocast = [], torch.autocast
    for enabled in (True, False):
        monkeypatch.setattr(torch, "autocast", lambda *words, on=enabled, **more: autocast(*words, **more | {"enabled": on}))
        network = trained("supervised", 300, gpu, images)
        with torch.no_grad():
            result = methods.get("supervised").denoise(network, y, noise.get(1), torch.Generator(gpu))
        found.append(float(-10 * F.mse_loss(result, clean).log10()))
    assert found[0] == pytest.approx(found[1], abs=0.05)


@pytest.mark.parametrize("slug", TRAINED)
def test_bfloat16_gives_about_the_gradient_of_float32(slug: str) -> None:
    method = methods.get(slug)
    network = make_network(PRESET)
    generator = torch.Generator().manual_seed(0)
    clean = F.interpolate(torch.rand(4, 3, 8, 8, generator=generator) * 255, scale_factor=4, mode="bilinear")
    y = clean + 25 * torch.randn(clean.shape, generator=generator)
    found = []
    for enabled in (True, False):
        batch = Batch(y, clean if method.supervised else None, noise.get(1), 0.5, torch.Generator().manual_seed(1))
        torch.manual_seed(2)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = method.loss(network, batch)
        gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
        found.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
    assert F.cosine_similarity(*found, dim=0) > 0.98
    assert float(found[0].norm() / found[1].norm()) == pytest.approx(1, abs=0.05)

"""The self-ensemble against an average written out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import noise
from bench.cells.denoising import denoise
from bench.data.sets import Image
from bench.plan.settings import get_preset
from bench.training.networks import UNet
from tests.helpers.plans import cell_of

IMAGE = Image("set", "image", np.zeros((1, 1, 3), np.uint8))


@pytest.mark.parametrize("number", [1, 2, 6, 12])
def test_mean_over_flips_and_transposes(number: int, tiny_network: Callable[..., UNet]) -> None:
    """The eight positions are those of the two mirrors and the transpose; A is symmetric, so the order of steps is the same."""
    model, network = noise.get(number), tiny_network()
    y = model.sample(torch.full((3, 20, 26), 120.0), torch.Generator().manual_seed(0))
    results = []
    for flips in ([], [-1], [-2], [-2, -1]):
        for transpose in (False, True):
            position = y.flip(flips).transpose(-1, -2) if transpose else y.flip(flips)
            result = denoise(network, cell_of("supervised", number), position, IMAGE)
            results.append((result.transpose(-1, -2) if transpose else result).flip(flips))
    assert len({round(float(result.std()), 3) for result in results}) > 1
    mean = torch.stack(results).mean(dim=0)
    result = denoise(network, cell_of("supervised", number), y, IMAGE, ensemble=True)
    torch.testing.assert_close(result, mean, rtol=0, atol=1e-3)


def test_noisy_input_stays_as_it_is() -> None:
    y = 100 * torch.randn(3, 9, 7, generator=torch.Generator().manual_seed(0))
    result = denoise(torch.nn.Identity(), cell_of("noisy", 1), y, IMAGE, ensemble=True)
    torch.testing.assert_close(result, y, rtol=1e-6, atol=0)


def test_it_is_off_unless_asked_for() -> None:
    assert not get_preset("paper", []).self_ensemble
    assert get_preset("quick", ["self_ensemble=true"]).self_ensemble

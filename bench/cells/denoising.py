"""Denoising one image: its noise, what the network is fed, and the validation that trainings show."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bench.cells.blocks import LARGE, in_blocks
from bench.cells.metrics import as_stored, psnr
from bench.data.measured import Shot
from bench.data.sets import Image
from bench.plan.cells import Cell
from bench.plan.seeds import generator_of, seed_globals
from bench.runs.inputs import Run
from bench.training.networks import window_of
from bench.training.patches import as_tensor, channels_first, turned, turned_back
from noise import NoiseModel

#: Called with a cell, what is being done, and the share of it that is done.
Report = Callable[[Cell, str, float], None]


def noisy_image(image: Image, model: NoiseModel, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A clean test image and its noisy one, (C, H, W) each, on the CPU.

    The noise depends on (noise model, data set, image name, seed) alone. An image of measured noise is noisy itself, and where
    it has no clean one, stands for that as well.
    """
    if isinstance(image, Shot):
        noisy = as_tensor(image)
        return noisy if image.clean is None else channels_first(image.clean), noisy
    clean = as_tensor(image)
    generator = generator_of("test noise", model.slug, model.parameters, image.dataset, image.name, seed)
    return clean, model.sample(clean, generator)


@torch.no_grad()
def denoise(network: nn.Module, cell: Cell, noisy: torch.Tensor, image: Image, ensemble: bool = False) -> torch.Tensor:
    """One (C, H, W) noisy image denoised, (C, H, W) float32 on the CPU; with `ensemble` the mean over its 8 positions.

    One of more than `LARGE` pixels is denoised in blocks, by a network that sees a window of it at a time.
    """
    generator = generator_of("denoising", cell.name, image.dataset, image.name, device=noisy.device)
    seen = cell.seen
    window = window_of(network)
    large = window is not None and noisy.shape[-1] * noisy.shape[-2] > LARGE
    law, y = (cell.model, noisy[None]) if seen is None else (seen.model, _filtered(seen.forward, noisy[None], large))

    def answer(y: torch.Tensor) -> torch.Tensor:
        results = []
        for turn in range(8 if ensemble else 1):
            seed_globals("denoising", cell.name, image.dataset, image.name, turn)
            position = turned(y, turn)
            result = cell.method.denoise(network, position, law, generator)
            if not isinstance(result, torch.Tensor) or result.shape != position.shape:
                raise TypeError(f"denoise returned {_describe(result)}: expected a tensor of shape {tuple(position.shape)}")
            results.append(turned_back(result, turn))
        return torch.stack(results).mean(dim=0) if ensemble else results[0]

    denoised = in_blocks(answer, y, window) if large and window else answer(y)
    return (denoised if seen is None else _filtered(seen.backward, denoised, large))[0].float().cpu()


def _filtered(convolve: Callable[[torch.Tensor], torch.Tensor], y: torch.Tensor, large: bool) -> torch.Tensor:
    """The channels of a large image one by one: their spectra are larger than they are."""
    return torch.cat([convolve(y[:, index : index + 1]) for index in range(y.shape[1])], dim=1) if large else convolve(y)


def validation_psnr(run: Run, cell: Cell, network: nn.Module) -> float:
    """Mean PSNR of the standard protocol over the validation images (dB)."""
    chosen = run.data.validation
    if not chosen.images:  # of measured noise
        return math.nan
    values = []
    for image in chosen.images:
        clean, noisy = noisy_image(image, cell.model, cell.seed)
        denoised = denoise(network, cell, noisy.to(run.settings.device), image)
        values.append(psnr(as_stored(denoised, clean), clean, 255.0))
    return float(np.mean(values))


def _describe(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__

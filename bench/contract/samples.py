"""What the checks try a method on: small images, a small network, and the circumstances that the harness calls it in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.cells.trained import NoNetwork
from bench.plan.seeds import generator_of, globals_kept, seed_globals
from bench.plan.settings import PRESETS, own_steps, with_own_steps
from bench.training.networks import network_of
from methods import Batch, Method
from noise import NoiseModel, shared

#: A network of a few thousand weights; sides that are no multiple of 2 are padded.
PRESET = replace(PRESETS["quick"], channels=4, multipliers=(1, 2), blocks=1, patches=4, patch=32)

#: Optimiser steps that a method that trains on each image may take here.
STEPS = 3


@dataclass(frozen=True)
class Case:
    """A method with an image as the harness hands it over.

    Parameters
    ----------
    law : NoiseModel
        Of `y`.
    y, clean : Tensor
        (1, C, H, W) grey levels; A^-1 y, and its clean image, where the method asks for that.
    network : Module
        One whose output is not 0, as after a training; of a method that has none, one that fails when it is called.
    """

    method: Method
    law: NoiseModel
    y: torch.Tensor
    clean: torch.Tensor
    network: nn.Module


def make_case(method: Method, model: NoiseModel, size: Sequence[int] = (32, 32), seed: int = 0, channels: int = 3) -> Case:
    """A method on a noise model it can be run on. A training on each image is cut to `STEPS` steps."""
    law, y, x = seen_by(method, model, smooth_images(1, size, seed, channels), seed)
    return Case(shortened(method, STEPS), law, y, x, small_network(method, colours=channels).eval())


def unseen(method: Method, model: NoiseModel) -> Case:
    """A case of `make_case`'s size whose image no other check hands over."""
    return make_case(method, model, seed=6)


def make_batch(
    method: Method, model: NoiseModel, progress: float = 0.5, seed: int = 0, side: int = 32, channels: int = 3
) -> Batch:
    """What the training loop would hand to the method's loss, of four images."""
    law, y, x = seen_by(method, model, smooth_images(4, (side, side), seed, channels), seed)
    generator = generator_of("contract", seed)
    second = law.sample(x, generator_of("contract, second", seed)) if method.pairs else None
    y = y.contiguous(memory_format=torch.channels_last)
    return Batch(y, x if method.supervised else None, law, progress, generator, second)


def seen_by(method: Method, model: NoiseModel, clean: torch.Tensor, seed: int) -> tuple[NoiseModel, torch.Tensor, torch.Tensor]:
    """Law, noisy and clean images as the method is given them: y, or A^-1 y."""
    y = model.sample(clean, generator_of("contract, noise", seed))
    seen = model.decorrelated() if method.wants_decorrelated(model) else None
    return (model, y, clean) if seen is None else (seen.model, seen.forward(y), seen.forward_clean(clean))


def smooth_images(count: int, size: Sequence[int], seed: int, channels: int = 3) -> torch.Tensor:
    """(count, channels, *size) whole grey levels in [20, 235]: patches of colour that run into each other."""
    coarse = torch.rand(count, channels, 5, 5, generator=generator_of("contract, images", seed))
    fine = F.interpolate(coarse, size=tuple(size), mode="bilinear", align_corners=True)
    return (20 + 215 * fine).round()


def small_network(method: Method, disturbed: bool = True, colours: int = 3) -> nn.Module:
    """A small network for the method: the shared one, or its own; with `disturbed`, all its weights are."""
    if not method.trains:
        return NoNetwork()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = network_of(method, replace(PRESET, colours=colours))
    with torch.no_grad():
        for parameter in network.parameters() if disturbed else ():
            noise = torch.randn(parameter.shape, generator=generator_of("contract, weights", parameter.shape))
            parameter.add_(noise, alpha=0.05)
    return network


def shortened(method: Method, steps: int) -> Method:
    """A method that trains on each image with no more steps than these; any other as it is."""
    if not method.one_image:
        return method
    return with_own_steps(method, min(steps, own_steps(method)))


def denoised(case: Case, y: torch.Tensor | None = None, seed: int = 1) -> torch.Tensor:
    """What the method makes of the case's image, or of another, as the harness asks for it."""
    with globals_kept(), shared.kept(), torch.no_grad():
        seed_globals("contract", seed)
        return asked(case, case.y.clone() if y is None else y, seed)


def asked(case: Case, y: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """The method's own answer, whatever the circumstances."""
    return case.method.denoise(case.network, y, case.law, torch.Generator().manual_seed(seed))


def global_states() -> dict[str, object]:
    """What a method shares with everything else in its process, by name."""
    return shared.states() | {
        "torch's global generator": tuple(torch.get_rng_state().tolist()),
        "NumPy's global generator": str(np.random.get_state()),
        "Python's global generator": random.getstate(),
    }


#: Those of them that the suite seeds before each image, so that drawing from them harms nobody.
SEEDED = ("torch's global generator", "NumPy's global generator", "Python's global generator")

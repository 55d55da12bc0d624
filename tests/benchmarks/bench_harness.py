"""What the harness costs over a bare loop of the same forward, loss, backward, clipping, optimiser and EMA step."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import methods
import noise
from bench.plan.seeds import generator_of
from bench.plan.settings import PRESETS, Preset
from bench.training.networks import make_network
from bench.training.patches import make_patches
from methods import Batch
from tests.benchmarks.pairs import images, ratios_of, train_steps

PAIRS = 11
#: So many that what a training does once, such as its copy of the network, counts little, as in the shortest preset's 160.
STEPS = 48


def bare_loop(network: nn.Module, method: methods.Method, preset: Preset, noisy: torch.Tensor, clean: torch.Tensor) -> None:
    """The least that trains a network the same way: no patches drawn, no schedule, no records, no validation."""
    parameters = list(network.parameters())
    average = [parameter.detach().clone() for parameter in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=preset.learning_rate, weight_decay=0.0, fused=True)
    generator = generator_of("bare loop")
    batch = Batch(noisy, clean if method.supervised else None, noise.get(1), 0.5, generator)
    for _ in range(STEPS):
        method.loss(network, batch).backward()
        nn.utils.clip_grad_norm_(parameters, preset.clip, foreach=True)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 0.01)


@pytest.mark.parametrize("slug", ["supervised", "neighbor2neighbor", "score-solver"])
def bench_harness_overhead(slug: str, record_property: Callable[[str, Any], None]) -> None:
    """Median of interleaved pairs: the harness costs at most 3 % over the bare loop."""
    torch.set_num_threads(1)
    method, model = methods.get(slug), noise.get(1)
    preset = replace(PRESETS["quick"], steps=STEPS, checks=1)
    patches = make_patches(images(), model, None, 0, method.supervised, "cpu")
    network = make_network(preset)
    noisy, clean = patches.draw(0, 0, preset.patches, preset.patch, True)
    noisy = noisy.contiguous(memory_format=torch.channels_last)

    def harness() -> None:
        train_steps(network, method, patches, preset)

    def bare() -> None:
        bare_loop(copy.deepcopy(network), method, preset, noisy, noisy if clean is None else clean)

    ratios = ratios_of(harness, bare, PAIRS)
    ratio = statistics.median(ratios)
    record_property("ratio", ratio)
    print(f"\n{slug}: the harness takes {ratio:.3f} of the bare loop's time (pairs {min(ratios):.3f} to {max(ratios):.3f})")
    assert ratio <= 1.03

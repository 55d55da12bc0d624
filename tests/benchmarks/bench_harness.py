"""What the harness costs over a bare loop of the same forward, loss, backward, clipping, optimiser and EMA step."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator
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
from bench.training.patches import Patches, make_patches
from methods import Batch
from tests.benchmarks.pairs import images, train_steps

TRAININGS = 7
#: So many that what a training does once, such as its copy of the network, counts little, as in the shortest preset's 160.
STEPS = 48


def bare_loop(
    network: nn.Module, method: methods.Method, preset: Preset, noisy: torch.Tensor, clean: torch.Tensor | None
) -> Iterator[None]:
    """The least that trains a network the same way, by steps: no patches drawn, no schedule, no records, no validation."""
    parameters = list(network.parameters())
    average = [parameter.detach().clone() for parameter in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=preset.learning_rate, weight_decay=0.0, fused=True)
    batch = Batch(noisy, clean, noise.get(1), 0.5, generator_of("bare loop"))
    while True:
        method.loss(network, batch).backward()
        nn.utils.clip_grad_norm_(parameters, preset.clip, foreach=True)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 0.01)
        yield


def overhead(network: nn.Module, method: methods.Method, patches: Patches, preset: Preset) -> float:
    """The harness's time over the bare loop's, each step of one followed by a step of the other.

    What else the machine does comes and goes within seconds: whole trainings in turn scatter by a tenth, steps in turn by a
    hundredth. What is done once before the first step counts, for both.
    """
    noisy, clean = patches.draw(0, 0, preset.patches, preset.patch, True)
    bare = bare_loop(copy.deepcopy(network), method, preset, noisy.contiguous(memory_format=torch.channels_last), clean)
    spent = {"harness": 0.0, "bare": 0.0}
    since = time.process_time()

    def report(share: float, loss: float) -> None:
        nonlocal since
        stepped = time.process_time()
        next(bare)
        spent["harness"] += stepped - since
        since = time.process_time()
        spent["bare"] += since - stepped

    train_steps(network, method, patches, preset, report)
    return spent["harness"] / spent["bare"]


@pytest.mark.parametrize("slug", ["supervised", "neighbor2neighbor", "score-solver"])
def bench_harness_overhead(slug: str, record_property: Callable[[str, Any], None]) -> None:
    """Median of several trainings: the harness costs at most 3 % over the bare loop."""
    torch.set_num_threads(1)
    method, model = methods.get(slug), noise.get(1)
    preset = replace(PRESETS["quick"], steps=STEPS, checks=1)
    patches = make_patches(images(), model, None, 0, method.supervised, "cpu")
    network = make_network(preset)
    ratios = [overhead(network, method, patches, preset) for _ in range(TRAININGS + 1)][1:]  # the first warms up
    ratio = statistics.median(ratios)
    record_property("ratio", ratio)
    print(f"\n{slug}: the harness takes {ratio:.3f} of the bare loop's time ({min(ratios):.3f} to {max(ratios):.3f})")
    assert ratio <= 1.03

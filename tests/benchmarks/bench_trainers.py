"""The harness beside deepinv's Trainer: the same network, loss, optimiser, clipping and patches, without metrics and bars."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import methods
import noise
from bench.plan.settings import PRESETS
from bench.training.networks import make_network
from bench.training.patches import make_patches
from tests.benchmarks.pairs import images, ratios_of, train_steps
from tests.helpers.deepinv_losses import deepinv

PAIRS, STEPS = 7, 12


class Estimate(nn.Module):
    """A network as deepinv calls it: of the noisy patches, and the physics that they come from."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: torch.Tensor, physics: Any = None, **_: Any) -> torch.Tensor:
        return methods.estimate(self.network, y)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["quick", "small"])
def bench_beside_deepinv(name: str, record_property: Callable[[str, Any], None]) -> None:
    """Supervised training, by the time of the process, in pairs one after the other. Ours is not slower."""
    torch.set_num_threads(1)
    deep, method, model = deepinv(), methods.get("supervised"), noise.get(1)
    preset = replace(PRESETS[name], steps=STEPS, checks=1)
    patches = make_patches(images(), model, None, 0, True, "cpu")
    network = make_network(preset)
    batches = []
    for step in range(STEPS):  # their noise is drawn, and they are cut, before the time is taken
        noisy, clean = patches.draw(0, step, preset.patches, preset.patch, preset.flips)
        assert clean is not None
        batches.append({"x": clean, "y": noisy.contiguous(memory_format=torch.channels_last)})

    loader: DataLoader[Any] = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]  # a list does

    def ours() -> None:
        train_steps(network, method, patches, preset)

    def theirs() -> None:
        own = Estimate(copy.deepcopy(network))
        optimiser = torch.optim.AdamW(own.parameters(), lr=preset.learning_rate, weight_decay=preset.weight_decay, fused=True)
        deep.Trainer(
            model=own,
            physics=deep.physics.Denoising(),
            optimizer=optimiser,
            train_dataloader=loader,
            epochs=1,
            losses=deep.loss.SupLoss(metric=torch.nn.MSELoss()),
            metrics=[],
            compute_train_metrics=False,
            grad_clip=preset.clip,
            check_grad=True,  # without which it cannot clip
            device="cpu",
            non_blocking_transfers=False,
            save_path=None,
            verbose=False,
            show_progress_bar=False,
            plot_measurements=False,
        ).train()

    found = ratios_of(ours, theirs, PAIRS)
    ratio = statistics.median(found)
    record_property("ratio", ratio)
    print(f"\n{name}: the harness takes {ratio:.3f} of deepinv's Trainer's time (pairs {min(found):.3f} to {max(found):.3f})")
    assert ratio <= 1

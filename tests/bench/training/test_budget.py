"""Equal compute: operations counted on the real losses, and what a budget of them holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import methods
import noise
from bench.plan.cells import make_cells
from bench.plan.settings import PRESETS, Preset
from bench.runs.inputs import Run
from bench.training.budget import cost_of, most_pixels, own_side, schedule, supervised_cost
from bench.training.networks import make_network
from bench.training.operations import flops_per_pixel
from methods import Batch, Method

TRAINED = [slug for slug, method in methods.catalogue().items() if method.trains]


def law_for(method: Method) -> noise.NoiseModel:
    return next(model for model in noise.catalogue() if method.applicable(model).verdict != "no")


def step_operations(method: Method, preset: Preset, progress: float) -> int:
    """Of one whole step of a preset, with all its patches, counted by PyTorch."""
    law, generator = law_for(method), torch.Generator().manual_seed(0)
    clean = torch.full((preset.patches, 3, preset.patch, preset.patch), 90.0)
    batch = Batch(law.sample(clean, generator), clean, law, progress, generator, law.sample(clean, generator))
    network = make_network(preset)
    with FlopCounterMode(display=False) as counter:
        method.loss(network, batch).backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("slug", TRAINED)
@pytest.mark.parametrize("name", ["quick", "small"])
def test_every_method_trains_at_the_compute_of_supervised(slug: str, name: str, make_run: Callable[..., Run]) -> None:
    """Within 3 %, counted on the losses at other points of progress than the schedule is made by."""
    preset, method = PRESETS[name], methods.get(slug)
    run = make_run(preset=preset, methods_=("noisy", slug), noise_=(law_for(method).slug,))
    cell = next(cell for cell in make_cells(run.settings, "images") if cell.key)
    large = dataclasses.replace(run.data.training[0].images[0], pixels=torch.zeros(200, 200, 3, dtype=torch.uint8).numpy())
    data = dataclasses.replace(run.data, training=(dataclasses.replace(run.data.training[0], images=(large,)),))
    own = schedule(run.settings, cell, data).preset
    counted = own.steps * sum(step_operations(method, own, at) for at in (0.1, 0.9)) / 2
    budget = preset.steps * step_operations(methods.get("supervised"), preset, 0.5)
    assert counted == pytest.approx(budget, rel=0.03)
    assert own.patch == own_side(preset, method) and own.patches <= preset.patches
    assert own.ema**own.steps == pytest.approx(preset.ema**preset.steps, rel=1e-6)
    assert own.warmup / own.steps == pytest.approx(preset.warmup / preset.steps, rel=0.05)


@pytest.mark.parametrize(("passes", "patches", "steps"), [(1, 8, 100), (2, 4, 100), (4, 4, 50), (17, 4, 12), (0.25, 8, 400)])
def test_the_batch_shrinks_before_the_steps_do(passes: float, patches: int, steps: int, make_run: Callable[..., Run]) -> None:
    """Down to half of it; a cheap method has more steps."""

    def loss(self: Any, network: Any, batch: Batch) -> torch.Tensor:
        side = batch.noisy.shape[-1] // 2 if passes < 1 else batch.noisy.shape[-1]
        return sum(network(batch.noisy[..., :side, :side]).square().mean() for _ in range(max(1, round(passes))))

    kind = dataclasses.make_dataclass(
        "Passes", [], bases=(methods.get("noisy").__class__,), frozen=True, namespace={"loss": loss}
    )
    preset = dataclasses.replace(PRESETS["quick"], steps=100, patches=8, patch=16, warmup=10)
    run = make_run(preset=preset, methods_=("supervised",), noise_=("gaussian",))
    cell = next(cell for cell in make_cells(run.settings, "images") if cell.key)
    found = schedule(run.settings, dataclasses.replace(cell, method=kind()), run.data)
    assert (found.preset.patches, found.preset.steps) == (patches, steps)
    assert found.operations == pytest.approx(found.budget, rel=0.03)
    assert found.cost.with_gradient == pytest.approx(passes) and found.cost.without_gradient == 0


def test_equal_steps_is_the_old_rule(make_run: Callable[..., Run]) -> None:
    run = make_run(equal="steps", noise_=("gaussian",))
    for cell in make_cells(run.settings, "images"):
        if cell.key:
            own = schedule(run.settings, cell, run.data).preset
            assert dataclasses.replace(own, learning_rate=0, clip=0) == dataclasses.replace(
                run.settings.preset, learning_rate=0, clip=0
            )


def test_patches_are_no_larger_than_the_training_images(make_run: Callable[..., Run]) -> None:
    run = make_run(
        preset=dataclasses.replace(PRESETS["quick"], patch=24), methods_=("neighbor2neighbor",), noise_=("gaussian",)
    )
    cell = next(cell for cell in make_cells(run.settings, "images") if cell.key)
    found = schedule(run.settings, cell, run.data)
    assert found.preset.patch == 36 and found.window == 18


def test_neighbor2neighbor_counts_its_halves() -> None:
    method, preset = methods.get("neighbor2neighbor"), PRESETS["quick"]
    cost = cost_of(method, noise.get(1), preset, 2 * preset.patch)
    assert (cost.with_gradient, cost.without_gradient) == (0.25, 1.0)
    assert cost.operations / supervised_cost(preset) == pytest.approx(7 / 3, rel=1e-3)
    assert most_pixels(preset, method, "compute") == preset.patches * preset.patch**2


def test_attention_is_counted_by_its_formula() -> None:
    """On a CPU PyTorch's counter leaves it out: two products of tokens x tokens with the width."""
    preset = dataclasses.replace(PRESETS["quick"], attention=True, patch=64)
    network = make_network(preset)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 64, 64))
    tokens, width = 16**2, 64
    attention = 4 * tokens**2 * width
    assert flops_per_pixel(network, 64) * 64**2 == pytest.approx(counter.get_total_flops() + attention)

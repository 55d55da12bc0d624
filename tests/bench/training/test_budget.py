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


@pytest.mark.parametrize(("name", "slug"), [("quick", "neighbor2neighbor"), *(("small", slug) for slug in TRAINED)])
def test_every_method_trains_at_the_compute_of_supervised(name: str, slug: str, make_run: Callable[..., Run]) -> None:
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


@pytest.mark.parametrize(("passes", "patches", "steps"), [(1, 8, 100), (2, 4, 100), (4, 4, 50), (9, 4, 22), (0.25, 8, 400)])
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
        preset=dataclasses.replace(PRESETS["quick"], patch=48), methods_=("neighbor2neighbor",), noise_=("gaussian",)
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


def of_loss(loss: Callable[[Any, Batch], torch.Tensor], subsampling: int = 1) -> Method:
    """A method with this loss of (network, batch)."""
    namespace = {"loss": lambda self, network, batch: loss(network, batch), "subsampling": subsampling}
    kind = dataclasses.make_dataclass("Made", [], bases=(type(methods.get("noisy")),), frozen=True, namespace=namespace)
    return kind()


@pytest.mark.parametrize("slug", ["supervised", "neighbor2neighbor"])
def test_sides_that_the_network_pads_are_counted_as_they_are(slug: str) -> None:
    """By the cost of smaller patches, 36 pixels with three halvings would be 23 % too cheap."""
    preset = dataclasses.replace(PRESETS["quick"], multipliers=(1, 2, 2, 4), patches=2, patch=36)
    method = methods.get(slug)
    preset = dataclasses.replace(preset, patch=own_side(preset, method))
    counted = sum(step_operations(method, preset, at) for at in (1 / 6, 1 / 2, 5 / 6)) / 3 / preset.patches
    assert cost_of(method, law_for(method), preset, preset.patch).operations == pytest.approx(counted)
    if slug == "supervised":
        assert supervised_cost(preset) == pytest.approx(counted)


def test_a_loss_may_want_large_patches_many_of_them_and_the_networks_words() -> None:
    def loss(network: Any, batch: Batch) -> torch.Tensor:
        if batch.noisy.shape[-1] < 48 or len(batch.noisy) < 4:
            raise ValueError("too small")
        torch.set_default_dtype(torch.float64)
        return network(y=batch.noisy).square().mean()

    preset = PRESETS["quick"]
    cost = cost_of(of_loss(loss), noise.get(1), preset, preset.patch)
    assert torch.get_default_dtype() == torch.float32
    assert (cost.with_gradient, cost.operations) == (1.0, pytest.approx(supervised_cost(preset)))


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda network, batch: next(network.parameters()).square().sum(), "no operations of its loss can be counted"),
        (lambda network, batch: {}["x"], "'x'"),
    ],
)
def test_a_loss_without_a_cost_is_told(loss: Any, words: str, make_run: Callable[..., Run]) -> None:
    run = make_run(methods_=("supervised",), noise_=("gaussian",))
    cell = next(cell for cell in make_cells(run.settings, "images") if cell.key)
    with pytest.raises((ValueError, KeyError), match=words):
        schedule(run.settings, dataclasses.replace(cell, method=of_loss(loss)), run.data)


def test_patches_of_small_images_can_be_sub_sampled(make_run: Callable[..., Run]) -> None:
    """The images' 36 pixels are no multiple of 5."""
    run = make_run(preset=dataclasses.replace(PRESETS["quick"], patch=48), methods_=("supervised",), noise_=("gaussian",))
    cell = next(cell for cell in make_cells(run.settings, "images") if cell.key)
    method = of_loss(lambda network, batch: network(batch.noisy[..., ::5, ::5]).square().mean(), subsampling=5)
    found = schedule(run.settings, dataclasses.replace(cell, method=method), run.data)
    assert (found.preset.patch, found.window) == (35, 7)

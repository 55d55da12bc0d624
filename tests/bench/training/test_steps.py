"""What a GPU may record once and replay: losses that depend on the numbers in their tensors alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import methods
import noise
from bench.contract.samples import make_batch, small_network
from bench.plan.seeds import globals_kept
from bench.plan.settings import PRESETS
from bench.training.networks import make_network
from bench.training.steps import Step, _alike, step_of
from methods import Batch, Method

CAPTURABLE = [slug for slug, method in methods.catalogue().items() if method.trains and method.capturable]
PAIRS = [
    (slug, number)
    for slug in CAPTURABLE
    for number in (1, 5)
    if methods.get(slug).applicable(noise.get(number)).verdict != "no"
]
PRESET = replace(PRESETS["quick"], channels=8, multipliers=(1, 2), patches=4, patch=16, steps=8)


def _gradient(method: Method, batch: Batch) -> list[torch.Tensor]:
    network = small_network(method)
    method.loss(network, batch).backward()
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


@pytest.mark.parametrize(("slug", "number"), PAIRS)
def test_a_capturable_loss_takes_a_tensor_as_progress(slug: str, number: int) -> None:
    method, model = methods.get(slug), noise.get(number)
    batch = make_batch(method, model)
    told = replace(make_batch(method, model), progress=torch.tensor(batch.progress))
    for mine, other in zip(_gradient(method, batch), _gradient(method, told), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("slug", CAPTURABLE)
def test_a_capturable_loss_draws_from_the_generator_alone(slug: str) -> None:
    method, model = methods.get(slug), noise.get(1)
    found = []
    for seed in (1, 2):
        with globals_kept():
            torch.manual_seed(seed)
            np.random.seed(seed)
            found.append(_gradient(method, make_batch(method, model)))
    assert all(torch.equal(mine, other) for mine, other in zip(*found, strict=True))


@pytest.mark.parametrize("parts", [1, 2])
def test_a_step_leaves_the_gradient_of_the_whole_batch(parts: int) -> None:
    method, model, cpu = methods.get("supervised"), noise.get(1), torch.device("cpu")
    network = make_network(PRESET, cpu)
    clean = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 255
    noisy = model.sample(clean, torch.Generator().manual_seed(1))
    step = step_of(network, method, model, replace(PRESET, accumulate=parts), "key", cpu)
    loss = step(noisy, clean, 0)
    mine = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    batch = Batch(noisy, clean, model, 0.0, torch.Generator())
    whole = method.loss(network, batch)
    whole.backward()
    assert float(loss) == pytest.approx(float(whole.detach()), rel=1e-5)
    expected = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    for one, other in zip(mine, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_a_replay_with_other_numbers_is_not_trusted() -> None:
    parameter = torch.nn.Parameter(torch.zeros(3))

    def step(loss: float, *gradient: float) -> Step:
        def done(noisy: torch.Tensor, others: torch.Tensor | None, number: int) -> torch.Tensor:
            parameter.grad = torch.tensor(gradient)
            return torch.tensor(loss)

        return done

    def alike(one: Step, other: Step) -> bool:
        return _alike(one, other, torch.zeros(1), None, 0, [parameter])

    own = step(2.0, 1.0, 0.0, -1.0)
    assert alike(step(2.01, 1.0, 0.01, -1.0), own)
    assert not alike(step(3.0, 1.0, 0.0, -1.0), own) and not alike(step(2.0, 1.0, 0.5, -1.0), own)
    assert not alike(step(2.0, float("nan"), 0.0, -1.0), own)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("slug", CAPTURABLE)
def test_a_replayed_step_is_the_step(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method, model, gpu = methods.get(slug), noise.get(1), torch.device("cuda")
    network = make_network(PRESET, gpu)
    clean = torch.rand(4, 3, 16, 16, device=gpu, generator=torch.Generator(gpu).manual_seed(0)) * 255
    others = clean if method.supervised else clean + 1 if method.pairs else None
    found = []
    for capturable in (True, False):
        monkeypatch.setattr(type(method), "capturable", capturable)
        step, losses = step_of(network, method, model, PRESET, "key", gpu), []
        for number in (0, 1, 5):
            losses.append(float(step(clean + number, others, number)))
            gradient = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
        found.append((losses, gradient))
    (replayed, mine), (stepped, other) = found
    assert replayed == pytest.approx(stepped, rel=1e-2) and replayed[0] != replayed[1]
    for one, two in zip(mine, other, strict=True):
        torch.testing.assert_close(one, two, rtol=0.05, atol=0.02 * float(two.abs().max()))

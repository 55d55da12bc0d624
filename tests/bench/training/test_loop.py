"""The training loop against a bare transcription, and what it records."""

import copy
import dataclasses
import math

import pytest
import torch

import methods
import noise
from bench.plan.seeds import generator_of, seed_of
from bench.plan.settings import Preset
from bench.training.loop import NonFiniteLoss, learning_rate, train
from bench.training.networks import UNet
from bench.training.patches import Patches, make_patches
from methods import Applicability, Batch, Method
from methods._api import UNIT

PRESET = Preset(
    channels=4, multipliers=(1, 2), blocks=1, attention=False,
    steps=12, patches=4, patch=16, learning_rate=2e-3, warmup=3, weight_decay=0.1, ema=0.6, clip=0.9, checks=3,
)  # fmt: skip


@pytest.fixture
def patches_of(random_images):
    return lambda number=1, supervised=False: make_patches(
        random_images("train", ("a", "b"), 24, 20), noise.get(number), None, 0, supervised, "cpu"
    )


def start():
    torch.manual_seed(11)
    network = UNet(4, (1, 2), 1, False)
    with torch.no_grad():
        network.head[-1].weight.normal_(std=0.02)
    return network


def run(patches, preset=PRESET, slug="score-solver", method=None, seed="seed", report=None, validate=None, number=1):
    network = start().to(memory_format=torch.channels_last)
    report, validate = report or (lambda share, loss: None), validate or (lambda network: 0.0)
    method = method or methods.get(slug)
    return train(network, method, noise.get(number), patches, preset, seed, torch.device("cpu"), report, validate)


def weights(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def bare_training(patches, preset, method, seed, model):
    """AdamW, clipping, schedule and average written out, without foreach, in the default memory format."""
    network = start()
    parameters = list(network.parameters())
    average = [p.detach().clone() for p in parameters]
    m, v = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    losses, usual = [], 0.0
    for step in range(preset.steps):
        noisy, clean = patches.draw(seed_of("patches", seed), step, preset.patches, preset.patch, preset.flips)
        batch = Batch(noisy, clean, model, step / preset.steps, generator_of("step", seed, step))
        loss = method.loss(network, batch)
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, parameters)
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradients))
        if step and norm > preset.clip * usual:
            gradients = [g * (preset.clip * usual / norm) for g in gradients]
            norm = preset.clip * usual
        usual += (norm - usual) * max(1 / (1 + step), 0.01)
        if step < preset.warmup:
            rate = preset.learning_rate * (step + 1) / preset.warmup
        else:
            share = (step - preset.warmup) / (preset.steps - preset.warmup)
            rate = preset.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)
        decay = min(preset.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for p, g, first, second, mean in zip(parameters, gradients, m, v, average, strict=True):
                p *= 1 - rate * preset.weight_decay
                first.mul_(0.9).add_(0.1 * g)
                second.mul_(0.999).add_(0.001 * g * g)
                corrected = first / (1 - 0.9 ** (step + 1))
                p -= rate * corrected / ((second / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
                mean.mul_(decay).add_((1 - decay) * p)
    return network, torch.cat([mean.flatten() for mean in average]), losses


@pytest.mark.parametrize("slug", ["supervised", "noisier2noise", "neighbor2neighbor", "score-solver"])
def test_loop_is_its_transcription(slug, patches_of):
    method = methods.get(slug)
    patches = patches_of(supervised=method.supervised)
    network, average, losses = bare_training(patches, PRESET, method, "seed", noise.get(1))
    trained, curves = run(patches, slug=slug)
    moved = (weights(start()) - average).abs().max()
    assert moved > 1e-3
    torch.testing.assert_close(weights(trained), average, rtol=0, atol=2e-3 * moved.item())
    assert [value for _, value in curves.loss] == pytest.approx(losses, rel=1e-4)
    assert not torch.allclose(weights(network), average, rtol=0, atol=0.02 * moved.item())  # so it is the average


def test_loop_is_pytorchs_own(patches_of):
    """The same with torch's AdamW and clipping, in the loop's memory format."""
    patches, method = patches_of(), methods.get("noisier2noise")
    network = start().to(memory_format=torch.channels_last)
    average = copy.deepcopy(start())
    optimiser = torch.optim.AdamW(network.parameters(), lr=PRESET.learning_rate, weight_decay=0.1, fused=True)
    norms, limit = [], math.inf
    for step in range(PRESET.steps):
        noisy, _ = patches.draw(seed_of("patches", "seed"), step, 4, 16, True)
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad()
        method.loss(network, Batch(noisy, None, noise.get(1), step / 12, generator_of("step", "seed", step))).backward()
        norms.append(torch.nn.utils.clip_grad_norm_(network.parameters(), limit, foreach=False).clamp(max=limit))
        limit = PRESET.clip * torch.stack(norms).mean()
        optimiser.param_groups[0]["lr"] = learning_rate(step, PRESET)
        optimiser.step()
        with torch.no_grad():
            for mean, now in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - min(0.6, (1 + step) / (10 + step)))
    trained, _ = run(patches, slug="noisier2noise")
    torch.testing.assert_close(weights(trained), weights(average), rtol=0, atol=5e-7)


def test_two_runs_are_identical_and_ignore_global_seeds(patches_of):
    first, curves = run(patches_of())
    torch.manual_seed(99)
    second, again = run(patches_of())
    assert torch.equal(weights(first), weights(second)) and curves.loss == again.loss
    other, _ = run(patches_of(), seed="other")
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_accumulation_changes_nothing_but_rounding(parts, patches_of):
    """Also in parts of unequal size (4 patches in 3). The supervised loss draws nothing, so that parts see the same."""
    patches = patches_of(supervised=True)
    whole, curves = run(patches, slug="supervised")
    split, others = run(patches, dataclasses.replace(PRESET, accumulate=parts), slug="supervised")
    moved = (weights(start()) - weights(whole)).abs().max().item()
    torch.testing.assert_close(weights(split), weights(whole), rtol=0, atol=5e-3 * moved)
    assert [value for _, value in others.loss] == pytest.approx([value for _, value in curves.loss], rel=1e-5)


def test_loss_falls_on_an_easy_problem(patches_of):
    """Noise of sigma 25 on grey images: the supervised loss starts at (25 / UNIT)^2 and falls to less than a quarter."""
    x = torch.full((3, 32, 32), 128, dtype=torch.uint8)
    y = noise.get(1).sample(x.float(), torch.Generator().manual_seed(0))
    preset = dataclasses.replace(PRESET, steps=120, clip=1.0, weight_decay=0.0, learning_rate=1e-2, ema=0.9)
    average, curves = run(Patches([y], [x]), preset, slug="supervised")
    assert curves.loss[0][1] == pytest.approx((25 / UNIT) ** 2, rel=0.2)
    assert curves.loss[-1][1] < curves.loss[0][1] / 4
    with torch.no_grad():
        error = y[None] + UNIT * average(y[None]) - x.float()
    assert error.std() < 25 / 2


@dataclasses.dataclass(frozen=True)
class Breaks(Method):
    """Its loss is not a number from some step on."""

    at: float = 0.5
    value: float = math.nan
    title = paper = assumptions = "test"

    def applicable(self, model):
        return Applicability("yes", "test")

    def loss(self, network, batch):
        loss = network(batch.noisy).square().mean()
        return loss * self.value if batch.progress >= self.at else loss


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_not_finite_ends_the_training(value, patches_of):
    with pytest.raises(NonFiniteLoss, match=r"the loss is (nan|inf) at step 7 of 12"):
        run(patches_of(), method=Breaks(value=value))


def test_loss_that_is_not_finite_between_records_is_found(patches_of):
    preset = dataclasses.replace(PRESET, steps=250, patches=1)
    with pytest.raises(NonFiniteLoss, match="at step 128 of 250"):  # recorded every second step; step 126 of 250 is at 0.5
        run(patches_of(), preset, method=Breaks(at=126.5 / 250))


@pytest.mark.parametrize(
    ("steps", "checks", "expected"), [(12, 3, [4, 8, 12]), (10, 4, [3, 5, 8, 10]), (2, 5, [1, 2]), (7, 1, [7])]
)
def test_validation_is_at_even_steps_and_ends_with_the_last(steps, checks, expected, patches_of):
    preset = dataclasses.replace(PRESET, steps=steps, checks=checks)
    values = iter(range(100))
    _, curves = run(patches_of(), preset, validate=lambda network: float(next(values)))
    assert curves.validation == [(step, float(index)) for index, step in enumerate(expected)]


def test_validation_sees_the_average_and_changes_nothing(patches_of):
    seen = []

    def validate(network):
        assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())
        seen.append(weights(network))
        torch.rand(1)
        with torch.no_grad():
            network(torch.rand(1, 3, 8, 8))
        return 0.0

    watched, curves = run(patches_of(), validate=validate)
    plain, others = run(patches_of(), dataclasses.replace(PRESET, checks=1))
    assert torch.equal(weights(watched), weights(plain)) and curves.loss == others.loss
    assert torch.equal(seen[-1], weights(watched)) and not torch.equal(seen[0], seen[-1])


def test_time_is_without_validation(patches_of, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("bench.training.loop.time.perf_counter", lambda: clock[0])

    def validate(network):
        clock[0] += 100
        return 0.0

    def report(share, loss):
        clock[0] += 1

    _, curves = run(patches_of(), report=report, validate=validate)
    assert curves.seconds == 12  # a second a report, and none of the 300 of the validation


def test_records_about_a_hundred_losses(patches_of):
    reports = []
    preset = dataclasses.replace(PRESET, steps=205, patches=1, checks=1)
    _, curves = run(patches_of(), preset, report=lambda share, loss: reports.append((share, loss)))
    assert [step for step, _ in curves.loss] == [*range(2, 205, 2), 205]
    assert reports == [(step / 205, value) for step, value in curves.loss]


def test_recorded_loss_is_the_mean_since_the_last_record(patches_of):
    class Counting(Breaks):
        def loss(self, network, batch):
            return 0 * network(batch.noisy).mean() + round(batch.progress * 202)

    preset = dataclasses.replace(PRESET, steps=202, patches=1, checks=1, ema=0.0)
    _, curves = run(patches_of(), preset, method=Counting())
    assert [value for _, value in curves.loss] == pytest.approx([2 * index + 0.5 for index in range(101)])


def test_learning_rate():
    preset = Preset(steps=1000, warmup=10, learning_rate=2e-3)
    rates = [learning_rate(step, preset) for step in range(1000)]
    assert rates[0] == pytest.approx(2e-4) and rates[9] == rates[10] == 2e-3 == max(rates)
    assert rates[:10] == pytest.approx([2e-4 * (step + 1) for step in range(10)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[505] == pytest.approx(2e-3 * (0.01 + 0.99 / 2))  # half way down
    assert rates[-1] == pytest.approx(2e-5, rel=1e-3)
    assert all(0 < rate <= 2e-3 for rate in rates)
    short = Preset(steps=5, warmup=10, learning_rate=1.0)  # never gets past the warm-up
    assert [learning_rate(step, short) for step in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert learning_rate(0, Preset(steps=1, warmup=0, learning_rate=1.0)) == 1.0

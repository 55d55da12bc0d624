"""The one training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from bench.plan.seeds import seed_globals, seed_of
from bench.plan.settings import Preset
from bench.training.checkpoint import Checkpoint, restore, snapshot
from bench.training.fused import pays
from bench.training.networks import count_parameters, set_fused
from bench.training.patches import Patches
from bench.training.steps import step_of
from methods import Method
from noise import NoiseModel

#: Called with the share of the training that is done and the mean loss since the last call.
Report = Callable[[float, float], None]
#: Called with the averaged network; returns the validation PSNR (dB).
Validate = Callable[[nn.Module], float]
#: Called from time to time with what it takes to go on from here.
Keep = Callable[[Checkpoint], None]

#: Decay a step of the gradient's mean norm.
_MEMORY = 0.99

#: Steps whose patches are drawn in one go: a draw straight after another one takes a fifth of one after a pass of the network.
_AHEAD = 8

#: Seconds between two checkpoints.
CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class Curves:
    """What a training leaves beside the weights.

    Parameters
    ----------
    loss : list of (step, float)
        Mean loss over the steps since the entry before.
    validation : list of (step, float)
        PSNR of the averaged weights on the validation images (dB).
    seconds : float
        Wall time without validation, with what is compiled and recorded for a GPU.
    """

    loss: list[tuple[int, float]]
    validation: list[tuple[int, float]]
    seconds: float


class NonFiniteLoss(RuntimeError):
    """The loss became infinite or not a number."""


def learning_rate(step: int, preset: Preset) -> float:
    """Linear warm-up, then a half cosine down to 1 % of the preset's rate (or a tenth of it in the last fifth)."""
    if step < preset.warmup:
        return preset.learning_rate * (step + 1) / preset.warmup
    if not preset.cosine:
        return preset.learning_rate * (0.1 if step >= 0.8 * preset.steps else 1.0)
    done = (step - preset.warmup) / max(1, preset.steps - preset.warmup)
    return preset.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def clip_relative(parameters: list[torch.Tensor], mean: torch.Tensor, most: float, step: int) -> None:
    """Limit the gradient's norm to `most` times its mean over the steps before, which is brought up to date in place.

    A limit in units of the norm itself would act on the losses of some methods and not of others, as their scales differ; after
    this one, no factor before a loss makes a difference. The first step is not limited, as nothing is before it.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    found = nn.utils.get_total_norm(gradients, foreach=True)
    limited = found if step == 0 else torch.minimum(found, most * mean)
    # a gradient of 0 stays as it is
    torch._foreach_mul_(gradients, limited / found.clamp(min=torch.finfo(found.dtype).tiny))
    mean.lerp_(limited, 1 - min(_MEMORY, step / (1 + step)))


def drawn(patches: Patches, seed: int, preset: Preset, first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    """What `patches.draw` gives for each step from `first` on."""
    for ahead in range(first, preset.steps, _AHEAD):
        steps = range(ahead, min(ahead + _AHEAD, preset.steps))
        yield from [patches.draw(seed, step, preset.patches, preset.patch, preset.flips) for step in steps]


def train(
    network: nn.Module,
    method: Method,
    model: NoiseModel,
    patches: Patches,
    preset: Preset,
    seed: str,
    device: torch.device,
    report: Report,
    validate: Validate,
    keep: Keep = lambda checkpoint: None,
    checkpoint: Checkpoint | None = None,
    every_seconds: float = CHECKPOINT_SECONDS,
) -> tuple[nn.Module, Curves]:
    """Train the network and return the exponential moving average of its weights.

    Every random number of a step depends on `seed` and the step alone, so that a training that goes on from a checkpoint
    ends at the same weights, bit for bit on a CPU, as one that was not interrupted. Nothing in a step waits for the device;
    the loss is read where it is recorded, about 100 times in all.

    Parameters
    ----------
    keep : callable
        Given a checkpoint every `every_seconds` seconds.
    checkpoint : Checkpoint or None
        Where to go on from.

    Raises
    ------
    NonFiniteLoss
        At the first recorded loss that is not finite.
    """
    network.train()
    average = copy.deepcopy(network).requires_grad_(False).eval()
    parameters: list[torch.Tensor] = list(network.parameters())
    averages: list[torch.Tensor] = list(average.parameters())
    buffers = [list(each.buffers()) for each in (average, network)]  # statistics that a method's own network may keep
    # one pass over each parameter in place of a dozen; a network of a method's own may have complex ones, which that cannot
    fused = all(parameter.is_floating_point() for parameter in parameters)
    optimiser = torch.optim.AdamW(
        parameters, lr=preset.learning_rate, weight_decay=preset.weight_decay, foreach=not fused, fused=fused
    )
    every = max(1, preset.steps // 100)
    checks = {math.ceil(preset.steps * (i + 1) / preset.checks) for i in range(preset.checks)}
    total, norm = torch.zeros((), device=device), torch.zeros((), device=device)
    loss_curve: list[tuple[int, float]] = []
    validation_curve: list[tuple[int, float]] = []
    first, recorded, seconds = 0, 0, 0.0
    if checkpoint is not None:
        restore(checkpoint, network, average, optimiser, {"total": total, "norm": norm})
        first, recorded, seconds = checkpoint.step, checkpoint.recorded, checkpoint.seconds
        loss_curve, validation_curve = list(checkpoint.loss), list(checkpoint.validation)
    kept = started = time.perf_counter()
    pixels = preset.steps * preset.patches * preset.patch**2
    set_fused(network, pays(count_parameters(network), pixels, device))
    gradient = step_of(network, method, model, preset, seed, device)

    for step, (noisy, others) in enumerate(drawn(patches, seed_of("patches", seed), preset, first), first):
        seed_globals("step", seed, step)
        total += gradient(noisy, others, step)
        clip_relative(parameters, norm, preset.clip, step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, preset)
        optimiser.step()
        # the average forgets the first steps: its memory grows with the step up to the preset's
        decay = min(preset.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters, 1 - decay)
            if buffers[0]:
                torch._foreach_copy_(buffers[0], buffers[1])

        done = step + 1
        if done % every == 0 or done == preset.steps:
            value = float(total) / (done - recorded)
            if not math.isfinite(value):
                raise NonFiniteLoss(f"the loss is {value} at step {done} of {preset.steps}")
            loss_curve.append((done, value))
            total.zero_()
            recorded = done
            report(done / preset.steps, value)
        if done in checks:
            seconds += time.perf_counter() - started
            validation_curve.append((done, validate(average)))
            started = time.perf_counter()
        if time.perf_counter() - kept >= every_seconds and done < preset.steps:
            seconds += time.perf_counter() - started
            tensors = snapshot(network, average, optimiser, {"total": total, "norm": norm})
            rate, parts = preset.learning_rate, preset.accumulate
            keep(Checkpoint(done, rate, parts, loss_curve[:], validation_curve[:], seconds, recorded, tensors))
            kept = started = time.perf_counter()
    return average, Curves(loss_curve, validation_curve, seconds + time.perf_counter() - started)

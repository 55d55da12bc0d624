"""The gradient of one step's loss: computed step by step, or on a GPU replayed as one graph of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import cast

import torch
from torch import nn

from bench.plan.seeds import seed_of
from bench.plan.settings import Preset
from bench.training.networks import layout
from methods import Batch, Method
from noise import NoiseModel

#: Given the noisy patches, those beside them and the step's number, puts the gradient of its loss into the parameters and
#: returns the loss; neither may be kept beyond the next step.
Step = Callable[[torch.Tensor, torch.Tensor | None, int], torch.Tensor]
#: Such a one of the share of the training that is done, with a generator.
_Gradient = Callable[[torch.Tensor, torch.Tensor | None, float | torch.Tensor, torch.Generator], torch.Tensor]

#: Passes before a loss is recorded, in which libraries choose their kernels.
_WARM_UP = 3
#: Largest distance of a replayed gradient, in units of the gradient: in bfloat16 the order in which kernels add matters.
_ALIKE = 0.05


def step_of(network: nn.Module, method: Method, model: NoiseModel, preset: Preset, seed: str, device: torch.device) -> Step:
    """How a training computes its gradients; a step's random numbers depend on `seed` and its number alone.

    On a GPU, starting a step's several hundred kernels takes a core longer than the GPU takes to do them, as long as the
    network is small. So the loss of a method that says it is `capturable` is recorded once, as a CUDA graph, and replayed with
    the random numbers that it would have drawn itself. A loss that turns out to wait for the device is not recorded, and a
    record is held against the step itself before it is used.
    """
    parameters = list(network.parameters())
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")

    def gradient(
        noisy: torch.Tensor, others: torch.Tensor | None, progress: float | torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        for parameter in parameters:
            parameter.grad = None
        total = torch.zeros((), device=device)
        for part in range(preset.accumulate):
            rows = slice(part * preset.patches // preset.accumulate, (part + 1) * preset.patches // preset.accumulate)
            y = noisy[rows].contiguous(memory_format=layout(device))
            other = None if others is None else others[rows]
            clean, second = (other, None) if method.supervised else (None, other)
            # where progress is a tensor, the method has said that it takes one
            batch = Batch(y, clean, model, cast(float, progress), generator, second)
            with autocast:
                loss = method.loss(network, batch) * (len(y) / preset.patches)
            loss.backward()
            total = total + loss.detach()
        return total

    generator = torch.Generator(device)

    def one_by_one(noisy: torch.Tensor, others: torch.Tensor | None, step: int) -> torch.Tensor:
        generator.manual_seed(seed_of("step", seed, step))
        return gradient(noisy, others, step / preset.steps, generator)

    # statistics that a network keeps would take in the passes before
    if device.type != "cuda" or not method.capturable or any(True for _ in network.buffers()):
        return one_by_one
    chosen: list[Step] = []

    def step_by(noisy: torch.Tensor, others: torch.Tensor | None, step: int) -> torch.Tensor:
        if not chosen:
            replayed = _recorded(gradient, noisy, others, parameters, preset.steps, seed)
            if replayed is None or not _alike(replayed, one_by_one, noisy, others, step, parameters):
                replayed = one_by_one
            chosen.append(replayed)
        return chosen[0](noisy, others, step)

    return step_by


def _recorded(
    gradient: _Gradient,
    noisy: torch.Tensor,
    others: torch.Tensor | None,
    parameters: Sequence[nn.Parameter],
    steps: int,
    seed: str,
) -> Step | None:
    """The steps of a training of so many, replayed from one graph; None for a loss that waits for the device, or fails so."""
    generator = torch.Generator(noisy.device)
    noisy_in = noisy.clone()
    others_in = None if others is None else others.clone()
    progress_in = torch.zeros((), device=noisy.device)
    graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(side):
            for last in [False] * (_WARM_UP - 1) + [True]:
                with _no_waiting() if last else nullcontext():
                    gradient(noisy_in, others_in, progress_in, generator)
        torch.cuda.current_stream().wait_stream(side)
        graph.register_generator_state(generator)
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may go on allocating memory
            loss = gradient(noisy_in, others_in, progress_in, generator)
    except RuntimeError:  # done step by step, it tells what is wrong with it if it fails there, too
        return None
    gradients = [parameter.grad for parameter in parameters]

    def replayed(noisy: torch.Tensor, others: torch.Tensor | None, step: int) -> torch.Tensor:
        noisy_in.copy_(noisy)
        if others_in is not None and others is not None:
            others_in.copy_(others)
        progress_in.fill_(step / steps)
        generator.manual_seed(seed_of("step", seed, step))
        graph.replay()
        for parameter, place in zip(parameters, gradients, strict=True):
            parameter.grad = place
        return loss

    return replayed


def _alike(
    mine: Step, other: Step, noisy: torch.Tensor, others: torch.Tensor | None, step: int, parameters: Sequence[nn.Parameter]
) -> bool:
    """Whether two ways of doing a step give one loss and one gradient."""
    found = []
    for way in (mine, other):
        loss = way(noisy, others, step).reshape(1)
        gradients = [each.grad.flatten().float() for each in parameters if each.grad is not None]
        found.append((loss.clone(), torch.cat(gradients)))
    return all(float((one - two).norm()) <= _ALIKE * float(two.norm()) for one, two in zip(*found, strict=True))


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Raise RuntimeError where something waits for the device."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)

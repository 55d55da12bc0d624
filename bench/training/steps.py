"""The gradient of one step's loss: computed step by step, or on a GPU replayed as one graph of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

#: Passes before a loss is captured, in which libraries choose their kernels.
_WARM_UP = 3


def step_of(network: nn.Module, method: Method, model: NoiseModel, preset: Preset, seed: str, device: torch.device) -> Step:
    """How a training computes its gradients; a step's random numbers depend on `seed` and its number alone.

    On a GPU, starting a step's several hundred kernels takes a core longer than the GPU takes to do them, as long as the
    network is small. So the loss of a method that says it is `capturable` is recorded once, as a CUDA graph, and replayed with
    the random numbers that it would have drawn itself. A loss that turns out to wait for the device is not recorded.
    """
    generator = torch.Generator(device)
    parameters = list(network.parameters())
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")

    def gradient(noisy: torch.Tensor, others: torch.Tensor | None, progress: float | torch.Tensor) -> torch.Tensor:
        for parameter in parameters:
            parameter.grad = None
        total = torch.zeros((), device=device)
        for part in range(preset.accumulate):
            rows = slice(part * preset.patches // preset.accumulate, (part + 1) * preset.patches // preset.accumulate)
            y = noisy[rows].contiguous(memory_format=layout(device))
            other = None if others is None else others[rows]
            clean, second = (other, None) if method.supervised else (None, other)
            with autocast:
                # where it is a tensor, the method has said that it takes one
                batch = Batch(y, clean, model, cast(float, progress), generator, second)
                loss = method.loss(network, batch) * (len(y) / preset.patches)
            loss.backward()
            total = total + loss.detach()
        return total

    def seeded(step: int) -> None:
        generator.manual_seed(seed_of("step", seed, step))

    def one_by_one(noisy: torch.Tensor, others: torch.Tensor | None, step: int) -> torch.Tensor:
        seeded(step)
        return gradient(noisy, others, step / preset.steps)

    # statistics that a network keeps would take in the passes before
    if device.type != "cuda" or not method.capturable or any(True for _ in network.buffers()):
        return one_by_one
    replay: Callable[[torch.Tensor, torch.Tensor | None, float], torch.Tensor] | None = None
    tried = False

    def graphed(noisy: torch.Tensor, others: torch.Tensor | None, step: int) -> torch.Tensor:
        nonlocal replay, tried
        if not tried:
            tried = True
            replay = _captured(gradient, noisy, others, generator)
        if replay is None:
            return one_by_one(noisy, others, step)
        seeded(step)
        return replay(noisy, others, step / preset.steps)

    return graphed


def _captured(
    gradient: Callable[[torch.Tensor, torch.Tensor | None, float | torch.Tensor], torch.Tensor],
    noisy: torch.Tensor,
    others: torch.Tensor | None,
    generator: torch.Generator,
) -> Callable[[torch.Tensor, torch.Tensor | None, float], torch.Tensor] | None:
    """The gradient as a graph, with its own places for what it takes; None for a loss that waits for the device."""
    noisy_in = noisy.clone()
    others_in = None if others is None else others.clone()
    progress_in = torch.zeros((), device=noisy.device)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(side):
            for last in [False] * (_WARM_UP - 1) + [True]:
                with _no_waiting() if last else _as_it_is():
                    gradient(noisy_in, others_in, progress_in)
    except RuntimeError:  # it waits, or fails with a tensor as progress; done step by step, it tells if it fails there, too
        return None
    finally:
        torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may go on allocating memory
        loss = gradient(noisy_in, others_in, progress_in)

    def replay(noisy: torch.Tensor, others: torch.Tensor | None, progress: float) -> torch.Tensor:
        noisy_in.copy_(noisy)
        if others_in is not None and others is not None:
            others_in.copy_(others)
        progress_in.fill_(progress)
        graph.replay()
        return loss

    return replay


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Raise RuntimeError where something waits for the device."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield

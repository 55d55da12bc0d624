"""Floating-point operations: counted by running, the same number on every device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle


@dataclass(frozen=True)
class Operations:
    """Floating-point operations of convolutions and products, and of attention; a multiply-add counts as two."""

    linear: float
    attention: float

    def scaled(self, pixels: float) -> float:
        """All of them where an image has so many times the pixels: attention grows with the square."""
        return self.linear * pixels + self.attention * pixels**2


def count(work: Callable[[], object]) -> Operations:
    """What some work takes, as `torch.utils.flop_counter` counts it; it does not know attention on CPUs, which is told here."""
    with FlopCounterMode(display=False, custom_mapping=_ATTENTION) as counter:
        work()
    counts = counter.get_flop_counts().get("Global", {})
    attention = sum(value for operator, value in counts.items() if "scaled_dot_product" in str(operator))
    return Operations(float(counter.get_total_flops() - attention), float(attention))


def watch(network: nn.Module, note: Callable[[torch.Size], None]) -> RemovableHandle:
    """Have `note` told the shape of the images that go into the network, each time that it is called."""

    def hook(module: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> None:
        for value in (*inputs, *named.values()):
            if isinstance(value, torch.Tensor):
                note(value.shape)

    return network.register_forward_pre_hook(hook, with_kwargs=True)


def flops_per_pixel(network: nn.Module, side: int, colours: int = 3) -> float:
    """Floating-point operations of one pass over an image of side x side pixels, per pixel."""
    device = next(network.parameters()).device
    with torch.no_grad():
        found = count(lambda: network(torch.zeros(1, colours, side, side, device=device)))
    return found.scaled(1.0) / side**2


def _forward(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    """Two products of (queries x keys) with the width of a head."""
    return 2 * math.prod(query[:3]) * key[2] * (query[3] + value[3])


def _backward(gradient: torch.Size, query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    """Five: the weights again, and the gradients of weights, values, queries and keys."""
    return 2 * math.prod(query[:3]) * key[2] * (3 * query[3] + 2 * value[3])


_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}

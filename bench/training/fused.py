"""SiLU of GroupNorm in few passes over the features, for long trainings on a GPU.

PyTorch's own two write the normalised features, read them again, and keep both for the way back. Here forward and backward are
a function each, that `torch.compile` makes a few kernels of; only the features themselves and the statistics are kept.
"""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

#: Weights times pixels from which on a training is worth the minute of compiling: that of `standard` has 5e16, of `small` 2e14.
_WORTH = 5e15
#: Largest distance of compiled features and gradients in bfloat16, in units of their norm.
_ALIKE = 0.02


class NormSiLU(torch.autograd.Function):
    """silu(group_norm(x)) in the precision of x (N, C, H, W), summed in float32; weight and bias (C,)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int, eps: float, compiled: bool
    ) -> torch.Tensor:
        value, mean, scale = (_compiled(forward) if compiled else forward)(x, weight, bias, groups, eps)
        ctx.save_for_backward(x, weight, bias, mean, scale)
        ctx.compiled = compiled
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        found = (_compiled(backward) if ctx.compiled else backward)(gradients[0], *ctx.saved_tensors)
        return *found, None, None, None


def forward(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The value, and mean and 1 / standard deviation of each group, (N, groups, 1, 1, 1)."""
    grouped = _grouped(x, groups)
    variance, mean = torch.var_mean(grouped, dim=(2, 3, 4), correction=0, keepdim=True)
    scale = (variance + eps).rsqrt()
    z = ((grouped - mean) * scale).view(x.shape) * _wide(weight) + _wide(bias)
    return F.silu(z).to(x.dtype), mean, scale


def backward(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mean: torch.Tensor, scale: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of x, weight and bias: with z = w n + b, n = (x - mean) scale, s = sigmoid(z),

    dz = g s (1 + z (1 - s)),   dx = scale (w dz - mean(w dz) - n mean(w dz n)),   means over the group.
    """
    groups = mean.shape[1]
    normal = (_grouped(x, groups) - mean) * scale
    flat = normal.view(x.shape)
    z = flat * _wide(weight) + _wide(bias)
    gate = torch.sigmoid(z)
    dz = gradient.to(z.dtype) * gate * (1 + z * (1 - gate))
    dn = _grouped(dz * _wide(weight), groups)
    inside = (2, 3, 4)
    dx = scale * (dn - dn.mean(inside, keepdim=True) - normal * (dn * normal).mean(inside, keepdim=True))
    outside = (0, 2, 3)
    return dx.view(x.shape).to(x.dtype), (dz * flat).sum(outside).to(weight.dtype), dz.sum(outside).to(bias.dtype)


def norm_silu(norm: nn.GroupNorm, x: torch.Tensor, compiled: bool = True) -> torch.Tensor:
    """SiLU of what `norm` makes of x."""
    with torch.autocast(x.device.type, enabled=False):
        value: torch.Tensor = NormSiLU.apply(x, norm.weight, norm.bias, norm.num_groups, norm.eps, compiled)
    return value


def pays(weights: int, pixels: int, device: torch.device) -> bool:
    """Whether a training of so many weights on so many pixels is long enough for it, and it can be had."""
    return device.type == "cuda" and weights * pixels >= _WORTH and _works(device)


@cache
def _works(device: torch.device) -> bool:
    """Whether it compiles here and then gives what PyTorch's own give."""
    norm = nn.GroupNorm(8, 32).to(device)
    x = torch.randn(2, 32, 16, 16, device=device, generator=torch.Generator(device).manual_seed(0)).bfloat16()
    # whatever a compiler lacks or does wrong, training goes on without it
    with contextlib.suppress(Exception):
        found = []
        for fused in (True, False):
            own = x.clone().requires_grad_()
            value = norm_silu(norm, own) if fused else F.silu(norm(own.float()))
            (gradient,) = torch.autograd.grad(value.float().square().sum(), own)
            found.append((value.detach().float(), gradient.float()))
        return all(float((one - two).norm()) <= _ALIKE * float(two.norm()) for one, two in zip(*found, strict=True))
    return False


@cache
def _compiled(function: Any) -> Any:
    """Compiled once a process; what it is compiled to is kept below the user's cache, for the next one."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "denoisebench" / "kernels"
    with contextlib.suppress(OSError, RuntimeError):  # else where PyTorch keeps such things
        kept.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(kept))
    return torch.compile(function, dynamic=True)


def _grouped(x: torch.Tensor, groups: int) -> torch.Tensor:
    """(N, groups, C / groups, H, W), in float32 at least."""
    wide = x if x.dtype == torch.float64 else x.float()
    return wide.unflatten(1, (groups, x.shape[1] // groups))


def _wide(parameter: torch.Tensor) -> torch.Tensor:
    return parameter[:, None, None]

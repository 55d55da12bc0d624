"""The one network that trained methods share, but for those with their own: the ADM U-Net without its timestep."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from bench.plan.settings import Preset
from bench.training.fused import norm_silu
from bench.training.tiles import in_tiles
from methods import Method

#: The network works on (y - CENTRE) / CENTRE.
CENTRE = 127.5


def _norm(channels: int) -> nn.GroupNorm:
    """GroupNorm of at most 32 groups, of at least 4 channels where the width allows it (ADM: always 32 groups)."""
    groups = min(32, max(1, channels // 4))
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def _activated(norm: nn.GroupNorm, x: torch.Tensor, fused: bool) -> torch.Tensor:
    """SiLU of the normalised features, in the precision of `x`; `fused` by `bench.training.fused`.

    Autocast would do both in float32, which moves three times the bytes of the bfloat16 that the convolutions on both sides
    work in (the statistics are summed in float32 in either case).
    """
    if fused:
        return norm_silu(norm, x)
    with torch.autocast(x.device.type, enabled=False):
        weight, bias = norm.weight.to(x.dtype), norm.bias.to(x.dtype)
        return F.silu(F.group_norm(x, norm.num_groups, weight, bias, norm.eps))


def _zero(module: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class ResBlock(nn.Module):
    """GroupNorm, SiLU, (resampling), convolution, twice, beside a skip; the second convolution starts at 0.

    `resample` is "down" (2x2 mean), "up" (nearest) or None; `fused` says how the norms are taken.
    """

    fused = False

    def __init__(self, inputs: int, outputs: int, resample: str | None = None) -> None:
        super().__init__()
        self.resample = resample
        self.norm1 = _norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = _norm(outputs)
        self.conv2 = _zero(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self._resample(_activated(self.norm1, x, self.fused))
        h = self.conv2(_activated(self.norm2, self.conv1(h), self.fused))
        return self.skip(self._resample(x)) + h

    def _resample(self, x: torch.Tensor) -> torch.Tensor:
        if self.resample == "down":
            return F.avg_pool2d(x, 2)
        if self.resample == "up":
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        return x


class Attention(nn.Module):
    """Multi-head self-attention over all pixels, beside a skip; the projection starts at 0."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.projection = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.projection(attended.transpose(-1, -2).reshape(n, c, h, w))


class UNet(nn.Module):
    """Modified U-Net of the paper: ADM (Dhariwal & Nichol 2021) without the timestep input.

    Maps grey levels (N, C, H, W), any H and W, to (N, C, H, W) of order 1; what that output means is up to the method. The
    image is padded by reflection to a multiple of 2^(levels - 1), and the padding cut off again. The output starts at 0.

    Parameters
    ----------
    channels : int
        Width of the first level (the paper: 128).
    multipliers : sequence of int
        Width of each level, in units of `channels` (the paper: 1, 2, 2, 4).
    blocks : int
        Residual blocks a level on the way down; one more on the way up (the paper: 2).
    attention : bool
        Self-attention between the two middle blocks, with 4 heads (fewer for a width that 4 does not divide).
    colours : int
        C, the channels of the images: 3, or 1.

    Attributes
    ----------
    window : int or None
        In evaluation, the side of the square that the network sees at a time (pixels): larger images are passed in
        overlapping tiles (`bench.training.tiles`). With the side of the patches of training, norms take their statistics
        over what they took them over there, attention sees as many pixels, and the padded edges are as near. None: the whole
        image, as always in training mode.
    """

    def __init__(self, channels: int, multipliers: Sequence[int], blocks: int, attention: bool, colours: int = 3) -> None:
        super().__init__()
        self.window: int | None = None
        self.factor = 2 ** (len(multipliers) - 1)
        width = channels * multipliers[0]
        self.stem = nn.Conv2d(colours, width, 3, padding=1)
        widths = [width]  # of the features that the way up will join
        self.down = nn.ModuleList()
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                self.down.append(ResBlock(width, channels * multiplier))
                width = channels * multiplier
                widths.append(width)
            if level < len(multipliers) - 1:
                self.down.append(ResBlock(width, width, "down"))
                widths.append(width)
        middle: list[nn.Module] = [ResBlock(width, width), ResBlock(width, width)]
        if attention:
            middle.insert(1, Attention(width, heads=math.gcd(width, 4)))
        self.middle = nn.Sequential(*middle)
        self.up = nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(multipliers))):
            for block in range(blocks + 1):
                stage = [ResBlock(width + widths.pop(), channels * multiplier)]
                width = channels * multiplier
                if level and block == blocks:
                    stage.append(ResBlock(width, width, "up"))
                self.up.append(nn.Sequential(*stage))
        self.head = nn.Sequential(_norm(width), nn.SiLU(), _zero(nn.Conv2d(width, colours, 3, padding=1)))

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        if self.training or self.window is None or max(y.shape[-2:]) <= self.window:
            return self._whole(y)
        return in_tiles(self._whole, y, self.window)

    def _whole(self, y: torch.Tensor) -> torch.Tensor:
        height, width = y.shape[-2:]
        x = self._pad((y - CENTRE) / CENTRE)
        x = self.stem(x)
        features = [x]
        for block in self.down:
            x = block(x)
            features.append(x)
        x = self.middle(x)
        for stage in self.up:
            x = stage(torch.cat([x, features.pop()], dim=1))
        # a float32 output also under autocast: scores and differences of images need the digits
        return self.head(x).float()[..., :height, :width]

    def _pad(self, x: torch.Tensor) -> torch.Tensor:
        bottom, right = -x.shape[-2] % self.factor, -x.shape[-1] % self.factor
        if not (bottom or right):
            return x
        # reflection needs more pixels than it adds; images of a few pixels repeat their edge instead
        enough = bottom < x.shape[-2] and right < x.shape[-1]
        return F.pad(x, (0, right, 0, bottom), mode="reflect" if enough else "replicate")


def layout(device: str | torch.device) -> torch.memory_format:
    """The memory layout in which the network trains fastest there (it also decides the last bits).

    Channels last on a CPU. On a GPU cuDNN's convolutions turn their input over by themselves, but PyTorch's GroupNorm copies
    whatever is not contiguous: 76 ms a step of the standard preset on an H100, 100 ms with channels last.
    """
    return torch.channels_last if torch.device(device).type == "cpu" else torch.contiguous_format


def make_network(preset: Preset, device: str | torch.device = "cpu") -> UNet:
    """The network of a preset, in the layout for that device."""
    network = UNet(preset.channels, preset.multipliers, preset.blocks, preset.attention, preset.colours)
    return network.to(device=device, memory_format=layout(device))  # type: ignore[call-overload]  # not in the stub


def network_of(method: Method, preset: Preset, device: str | torch.device = "cpu") -> nn.Module:
    """The network that a method trains: its own, where it brings one. Raises TypeError where that is none."""
    own = method.make_network(preset)
    if own is None:
        return make_network(preset, device)
    if not isinstance(own, nn.Module) or not any(parameter.requires_grad for parameter in own.parameters()):
        raise TypeError(f"make_network returned {type(own).__name__}: expected a torch.nn.Module with weights, or None")
    return own.to(device=device, memory_format=layout(device))  # type: ignore[call-overload]  # not in the stub


def set_fused(network: nn.Module, fused: bool) -> None:
    """Have the residual blocks take their norms and activations by `bench.training.fused`, or by PyTorch's own."""
    for block in network.modules():
        if isinstance(block, ResBlock):
            block.fused = fused


def set_window(network: nn.Module, window: int | None) -> None:
    """Have the shared network see squares of that side at a time; a method's own sees whole images."""
    if isinstance(network, UNet):
        network.window = window


def window_of(network: nn.Module) -> int | None:
    """Side of what the network sees at a time (pixels); None: the whole image."""
    return network.window if isinstance(network, UNet) else None


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())

"""The networks of Deep Image Prior and Self2Self."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def skip_network(depth: int, channels: int, skipped: int, scales: int) -> nn.Module:
    """That of Deep Image Prior's released code: at each scale a narrow connection beside all smaller ones; output in [0, 1]."""
    inner: nn.Module = nn.Identity()
    for scale in reversed(range(scales)):
        before = channels if scale else 32
        down = nn.Sequential(_convolution(before, channels, 3, 2), _convolution(channels, channels, 3))
        beside = _convolution(before, skipped, 1)
        merge = nn.Sequential(
            nn.BatchNorm2d(channels + skipped),
            _convolution(channels + skipped, channels, 3),
            _convolution(channels, channels, 1),
        )
        inner = _Scale(down, inner, beside, merge)
    return nn.Sequential(inner, nn.Conv2d(channels, depth, 1), nn.Sigmoid())


class _Scale(nn.Module):
    def __init__(self, down: nn.Module, inner: nn.Module, beside: nn.Module, merge: nn.Module) -> None:
        super().__init__()
        self.down, self.inner, self.beside, self.merge = down, inner, beside, merge

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        smaller = F.interpolate(self.inner(self.down(x)), scale_factor=2, mode="bilinear")
        return self.merge(torch.cat([self.beside(x), smaller], dim=1))


def _convolution(before: int, after: int, side: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(before, after, side, stride, padding=side // 2, padding_mode="reflect" if side > 1 else "zeros")
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.2))


class _Partial(nn.Module):
    """A 3x3 convolution of the values that are there, by how many they are (Liu et al., ECCV 2018)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and mask, (N, C, H, W) each, to the same of the next layer, whose mask is (N, 1, H, W)."""
        full = 9 * self.convolution.in_channels
        seen = F.avg_pool2d(mask.expand(-1, self.convolution.in_channels, -1, -1).sum(1, keepdim=True), 3, 1, 1) * 9
        there = (seen > 0).to(x)
        scaled = F.conv2d(x * mask, self.convolution.weight, padding=1) * (full / seen.clamp(min=1))
        bias = self.convolution.bias
        assert bias is not None
        return F.leaky_relu((scaled + bias[:, None, None]) * there, 0.1), there


class PartialNetwork(nn.Module):
    """That of Self2Self: five halvings of the size and back, joined with what was there; dropout on the way back."""

    def __init__(self, depth: int, channels: int, dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        self.dropout, self.generator = dropout, generator
        self.encoder = nn.ModuleList([_Partial(channels if level else depth, channels) for level in range(7)])
        wide, sizes = 2 * channels, [2 * channels, *[3 * channels] * 3]
        self.decoder = nn.ModuleList(nn.Sequential(_plain(size, wide), _plain(wide, wide)) for size in sizes)
        self.last = nn.ModuleList([_plain(wide + depth, 64), _plain(64, 32), _plain(32, depth)])

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The image, in [0, 1]."""
        skips, (h, there) = [x], self.encoder[0](x, mask)
        for level, layer in enumerate(self.encoder[1:]):
            h, there = layer(h, there)
            if level < 5:
                h, there = F.max_pool2d(h, 2), F.max_pool2d(there, 2)
                skips.append(h)
        for skip, layers in zip(skips[-2:0:-1], self.decoder, strict=True):
            h = torch.cat([F.interpolate(h, scale_factor=2), skip], dim=1)
            for layer in layers.children():
                h = F.leaky_relu(layer(self._dropped(h)), 0.1)
        h = torch.cat([F.interpolate(h, scale_factor=2), x], dim=1)
        for layer in self.last[:2]:
            h = F.leaky_relu(layer(self._dropped(h)), 0.1)
        return self.last[2](self._dropped(h)).sigmoid()

    def _dropped(self, h: torch.Tensor) -> torch.Tensor:
        kept = torch.rand(h.shape, generator=self.generator, device=h.device) >= self.dropout
        return h * kept / (1 - self.dropout)


def _plain(before: int, after: int) -> nn.Module:
    return nn.Conv2d(before, after, 3, padding=1)

"""The shared U-Net: any image size, the paper's size, attention, padding, a start at 0."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.plan.settings import PRESETS, get_preset
from bench.training.networks import CENTRE, Attention, ResBlock, UNet, _norm, count_parameters
from bench.training.operations import flops_per_pixel

SIZES = [*itertools.product((1, 2, 3, 5), repeat=2), (8, 8), (7, 9), (16, 1), (33, 47), (40, 24)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("multipliers", [(1,), (1, 2, 2, 4)], ids=str)
@torch.no_grad()
def test_output_has_the_size_of_the_input(size, multipliers, tiny_network):
    network = tiny_network(channels=4, multipliers=multipliers)
    y = 300 * torch.rand(2, 3, *size)
    output = network(y)
    assert output.shape == y.shape and output.dtype == torch.float32 and output.isfinite().all()
    assert output.abs().max() < 100


@pytest.mark.parametrize("attention", [False, True])
@torch.no_grad()
def test_starts_at_zero(attention):
    assert not UNet(8, (1, 2), 1, attention)(300 * torch.rand(1, 3, 9, 12)).any()


def expected_parameters(channels, multipliers, blocks, attention):
    """ADM's own bookkeeping, without timesteps: a block is two GroupNorms, two 3x3 and, where the width changes, a 1x1."""

    def block(inputs, outputs):
        return 2 * inputs + 9 * inputs * outputs + outputs + 2 * outputs + 9 * outputs**2 + outputs + (
            inputs * outputs + outputs if inputs != outputs else 0
        )  # fmt: skip

    widths = [channels * m for m in multipliers]
    now = widths[0]
    total = 27 * now + now
    joined = [now]
    for level, width in enumerate(widths):
        for _ in range(blocks):
            total, now = total + block(now, width), width
            joined.append(now)
        if level < len(widths) - 1:
            total += block(now, now)
            joined.append(now)
    total += 2 * block(now, now) + (2 * now + 3 * now**2 + 3 * now + now**2 + now if attention else 0)
    for level, width in list(enumerate(widths))[::-1]:
        for _ in range(blocks + 1):
            total, now = total + block(now + joined.pop(), width), width
        if level:
            total += block(now, now)
    return total + 2 * now + 27 * now + 3


@pytest.mark.parametrize(
    "shape", [(128, (1, 2, 2, 4), 2, True), (64, (1, 2, 2, 4), 2, True), (16, (1, 2, 4), 1, False), (4, (3,), 1, True)], ids=str
)
def test_number_of_parameters(shape):
    with torch.device("meta"):
        assert count_parameters(UNet(*shape)) == expected_parameters(*shape)


def test_paper_preset_is_the_papers_network():
    paper = PRESETS["paper"]
    with torch.device("meta"):
        network = UNet(paper.channels, paper.multipliers, paper.blocks, paper.attention)
    assert count_parameters(network) == pytest.approx(68.5e6, abs=0.1e6)
    heads = [module.heads for module in network.modules() if isinstance(module, Attention)]
    assert heads == [4]  # in the middle alone
    norms = [module for module in network.modules() if isinstance(module, torch.nn.GroupNorm)]
    assert all(module.num_groups == 32 for module in norms)


@pytest.mark.parametrize("channels", [1, 3, 4, 6, 10, 12, 16, 20, 36, 96, 100, 128, 1000])
def test_groups_of_the_norm(channels):
    norm = _norm(channels)
    assert channels % norm.num_groups == 0 and 1 <= norm.num_groups <= 32
    assert norm.num_groups == 1 or channels // norm.num_groups >= 4


@torch.no_grad()
@pytest.mark.parametrize("size", [(33, 47), (32, 45), (31, 32)], ids=str)
def test_padding_is_by_reflection_and_cut_off(size, tiny_network):
    network = tiny_network(multipliers=(1, 2, 2, 2))
    y = 255 * torch.rand(1, 3, *size)
    bottom, right = -size[0] % 8, -size[1] % 8
    rows = [*range(size[0]), *(size[0] - 2 - i for i in range(bottom))]  # the edge itself is not repeated
    columns = [*range(size[1]), *(size[1] - 2 - i for i in range(right))]
    padded = y[..., rows, :][..., columns]
    assert torch.equal(network(y), network(padded)[..., : size[0], : size[1]])


@torch.no_grad()
def test_images_of_a_few_pixels_repeat_their_edge(tiny_network):
    network = tiny_network(multipliers=(1, 2, 2, 2))
    y = 255 * torch.rand(1, 3, 3, 20)
    rows, columns = [0, 1, 2, 2, 2, 2, 2, 2], [*range(20), 19, 19, 19, 19]
    assert torch.equal(network(y), network(y[..., rows, :][..., columns])[..., :3, :20])


@torch.no_grad()
def test_input_is_centred(tiny_network):
    """The stem sees (y - 127.5) / 127.5."""
    network = tiny_network()
    seen = []
    network.stem.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    network(torch.tensor([0.0, 127.5, 255.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2))
    assert CENTRE == 127.5
    assert seen[0].amax((0, 2, 3)).tolist() == seen[0].amin((0, 2, 3)).tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize(("channels", "heads"), [(12, 4), (8, 1)])
def test_attention_is_softmax_attention(channels, heads, seeded):
    layer = Attention(channels, heads).double()
    generator = seeded(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(2, channels, 3, 5, generator=generator, dtype=torch.float64)
    size = channels // heads
    normal = F.group_norm(x, layer.norm.num_groups, layer.norm.weight, layer.norm.bias)
    qkv = torch.einsum("oi,nihw->nohw", layer.qkv.weight[:, :, 0, 0], normal) + layer.qkv.bias[:, None, None]
    together = torch.zeros_like(x).flatten(2)
    for n in range(2):
        for head in range(heads):
            q, k, v = (qkv[n, part * channels + head * size :][:size].flatten(1) for part in range(3))
            weights = torch.softmax(q.T @ k / math.sqrt(size), dim=1)  # of query pixel to key pixel
            together[n, head * size : (head + 1) * size] = v @ weights.T
    projected = layer.projection.weight[:, :, 0, 0] @ together + layer.projection.bias[:, None]
    torch.testing.assert_close(layer(x), x + projected.reshape(x.shape), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("resample", [None, "down", "up"])
def test_residual_block_is_its_formula(resample, seeded):
    block = ResBlock(4, 6, resample).double()
    generator = seeded(0)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(2, 4, 6, 8, generator=generator, dtype=torch.float64)

    def change(image):
        if resample == "down":
            return image.unflatten(-1, (4, 2)).unflatten(-3, (3, 2)).mean((-3, -1))
        return image.repeat_interleave(2, -1).repeat_interleave(2, -2) if resample == "up" else image

    h = change(F.silu(block.norm1(x)))
    h = F.conv2d(h, block.conv1.weight, block.conv1.bias, padding=1)
    h = F.conv2d(F.silu(block.norm2(h)), block.conv2.weight, block.conv2.bias, padding=1)
    torch.testing.assert_close(block(x), F.conv2d(change(x), block.skip.weight, block.skip.bias) + h, rtol=1e-12, atol=1e-12)


def test_every_weight_learns(tiny_network):
    network = tiny_network(multipliers=(1, 2, 4), blocks=2)
    network(255 * torch.rand(2, 3, 12, 12)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@torch.no_grad()
def test_copies_compute_the_same(tiny_network):
    network, y = tiny_network(), 255 * torch.rand(1, 3, 10, 14)
    loaded = UNet(8, (1, 2), 1, True)
    loaded.load_state_dict(network.state_dict())
    assert torch.equal(copy.deepcopy(network)(y), network(y)) and torch.equal(loaded(y), network(y))


@torch.no_grad()
def test_memory_format_does_not_matter(tiny_network):
    network, y = tiny_network(), 255 * torch.rand(2, 3, 16, 16)
    expected = network(y)
    network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(y.contiguous(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)


def test_autocast_changes_the_last_digits_alone(tiny_network):
    network, y = tiny_network(), 255 * torch.rand(2, 3, 16, 16)
    passes = []
    for autocast in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = network(y)
        output.square().mean().backward()
        passes.append((output.detach(), torch.cat([p.grad.flatten() for p in network.parameters()])))
    (exact, slope), (rounded, rounded_slope) = passes
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).norm() < 0.03 * exact.norm()
    assert 0 < (rounded_slope - slope).norm() < 0.05 * slope.norm()


@pytest.mark.parametrize(("size", "window"), [((12, 16), 16), ((15, 14), 15), ((3, 40), 40), ((40, 36), None)], ids=str)
@torch.no_grad()
def test_an_image_no_larger_than_the_window_is_seen_whole(size, window, tiny_network):
    network, y = tiny_network(multipliers=(1, 2, 2)).eval(), 255 * torch.rand(1, 3, *size)
    expected = network(y)
    network.window = window
    assert torch.equal(network(y), expected)


@pytest.mark.parametrize("size", [(40, 36), (40, 3), (1, 90), (33, 47)], ids=str)
@pytest.mark.parametrize("window", [1, 9, 16])
@torch.no_grad()
def test_a_larger_image_is_seen_through_the_window_in_evaluation_alone(size, window, tiny_network):
    network, y = tiny_network(multipliers=(1, 2, 2)), 255 * torch.rand(2, 3, *size)
    expected = network(y)
    network.window = window
    assert torch.equal(network(y), expected)
    result = network.eval()(y)
    assert result.shape == y.shape and result.isfinite().all() and not torch.allclose(result, expected, atol=1e-3)


@torch.no_grad()
def test_through_the_window_a_pixel_depends_on_no_more_than_that(tiny_network):
    """Whatever the norms and the attention; without a window every pixel depends on all."""
    network = tiny_network().eval()
    y = 255 * torch.rand(1, 3, 20, 90)
    changed = y.clone()
    changed[..., 70:] = 0
    for network.window, close in ((16, True), (None, False)):
        assert torch.allclose(network(y)[..., :54], network(changed)[..., :54], rtol=0, atol=1e-5) is close


@pytest.mark.parametrize("channels", [4, 5, 6, 7, 9])
@torch.no_grad()
def test_every_width_that_a_preset_may_ask_for(channels):
    preset = get_preset("quick", [f"channels={channels}", "attention=true", "multipliers=1,3"])
    network = UNet(preset.channels, preset.multipliers, preset.blocks, preset.attention)
    assert network(torch.rand(1, 3, 4, 4)).shape == (1, 3, 4, 4)


@pytest.mark.parametrize("side", [16, 48])
def test_operations_of_convolutions_are_counted_by_hand(side):
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 1))
    assert flops_per_pixel(network, side) == 2 * (3 * 8 * 9 + 8 * 3)

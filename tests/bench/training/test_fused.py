"""GroupNorm and SiLU in one: values and gradients against PyTorch's own, by itself and in the network."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.plan.settings import PRESETS
from bench.training import fused
from bench.training.networks import UNet, count_parameters, set_fused

SHAPES = [(2, 8, 5, 7), (1, 12, 1, 1), (3, 32, 16, 16)]


def norm_of(channels: int, dtype: torch.dtype) -> nn.GroupNorm:
    norm = nn.GroupNorm(4, channels, dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    for parameter in norm.parameters():
        nn.init.normal_(parameter, 0.5, 1.0, generator=generator)
    return norm


def features(shape: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format) -> torch.Tensor:
    x = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype) + 1
    return x.contiguous(memory_format=layout).requires_grad_()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradients_are_those_of_the_two(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    norm, x = norm_of(shape[1], torch.float64), features(shape, torch.float64, layout)
    inputs = (x, norm.weight, norm.bias)
    mine, theirs = fused.norm_silu(norm, x, compiled=False), F.silu(norm(x))
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    direction = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for one, other in zip(*(torch.autograd.grad(each, inputs, direction) for each in (mine, theirs)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_bfloat16_is_summed_in_single_precision() -> None:
    norm, x = norm_of(32, torch.float32), features((3, 32, 16, 16), torch.bfloat16, torch.contiguous_format)
    mine, theirs = fused.norm_silu(norm, x, compiled=False), F.silu(norm(x.float()))
    assert mine.dtype == torch.bfloat16
    torch.testing.assert_close(mine, theirs.bfloat16())
    (one,), (other,) = (torch.autograd.grad(each.float().square().sum(), x) for each in (mine, theirs))
    assert float((one.float() - other.float()).norm()) <= 0.01 * float(other.float().norm())


def test_the_network_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_compiled", lambda function: function)
    torch.manual_seed(0)
    network = UNet(8, (1, 2), 1, True)
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0.0, 0.1)
    other = copy.deepcopy(network)
    set_fused(other, True)
    y = 255 * torch.rand(2, 3, 12, 16)
    found = []
    for each in (network, other):
        value = each(y)
        value.square().mean().backward()
        found.append([value, *(parameter.grad for parameter in each.parameters())])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)
    set_fused(other, False)
    assert torch.equal(other(y), network(y))


def test_short_trainings_and_processors_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_works", lambda device: True)
    found = {}
    for name, preset in PRESETS.items():
        with torch.device("meta"):
            network = UNet(preset.channels, preset.multipliers, preset.blocks, preset.attention)
        work = count_parameters(network), preset.steps * preset.patches * preset.patch**2
        assert not fused.pays(*work, torch.device("cpu"))
        found[name] = fused.pays(*work, torch.device("cuda"))
    assert found == {"quick": False, "small": False, "standard": True, "paper": True}


def test_where_nothing_compiles_it_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")

    def broken(function: object) -> object:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(fused, "_compiled", broken)
    assert fused._works.__wrapped__(cpu) is False
    monkeypatch.setattr(fused, "_compiled", lambda function: function)
    assert fused._works.__wrapped__(cpu) is True
    halved = lambda function: lambda *inputs: tuple(each / 2 for each in function(*inputs))  # noqa: E731
    monkeypatch.setattr(fused, "_compiled", halved)
    assert fused._works.__wrapped__(cpu) is False


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_compiled_on_a_gpu() -> None:
    assert fused._works(torch.device("cuda"))

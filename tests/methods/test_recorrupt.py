"""Draws that are passed on together give what they give one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import methods
import noise
from methods import _recorrupt
from methods._recorrupt import mean_over_draws, share_of


@pytest.mark.parametrize("at_once", [None, 1, 3, 8, 20])
def test_the_mean_is_that_of_all_draws_in_their_order(at_once: int | None) -> None:
    generator, seen = torch.Generator().manual_seed(0), []
    drawn = torch.rand(8, 2, 3, 5, 4, generator=generator, dtype=torch.float64)
    ahead = iter(drawn)

    def denoised(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return images.square()

    found = mean_over_draws(8, lambda: next(ahead), denoised, at_once)
    torch.testing.assert_close(found, drawn.square().mean(dim=0), rtol=1e-12, atol=0)
    assert seen == {None: [2] * 8, 1: [2] * 8, 3: [6, 6, 4], 8: [16], 20: [16]}[at_once]


@pytest.mark.parametrize(("slug", "number"), [("recorrupted", 1), ("recorrupted", 3), ("recorrupted", 7), ("noisier2noise", 3)])
def test_methods_give_the_same_in_one_pass_and_in_many(
    slug: str, number: int, tiny_network: Callable[[], torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    method, model, network = methods.get(slug), noise.get(number), tiny_network().eval()
    y = model.sample(torch.full((1, 3, 24, 16), 100.0), torch.Generator().manual_seed(0))

    def result() -> torch.Tensor:
        with torch.no_grad():
            return method.denoise(network, y, model, torch.Generator().manual_seed(1))

    one_by_one, whole = result(), _recorrupt.mean_over_draws
    together = lambda count, draw, denoised: whole(count, draw, denoised, at_once=5)  # noqa: E731
    for module in ("recorrupted", "noisier2noise"):
        monkeypatch.setattr(f"methods.{module}.mean_over_draws", together)
    torch.testing.assert_close(result(), one_by_one, rtol=1e-4, atol=1e-2)


def test_the_share_is_that_of_the_variance() -> None:
    assert share_of(1.0) == 0.5 and share_of(0.5) == pytest.approx(0.2)

"""The paper's recipe against the published set-up and the notes on its released code."""

from __future__ import annotations

import argparse

import pytest
import torch

import methods
import noise
from bench.commands.arguments import parse_settings
from bench.plan.cells import count_trainings
from bench.plan.recipes import method_of, model_of
from bench.plan.settings import PRESETS, get_preset
from bench.training.loop import learning_rate
from methods import Batch
from methods._score import PaperScoreMatching
from tests.helpers.plans import planned

PAPER = PaperScoreMatching()


def options(**changes: object) -> argparse.Namespace:
    usual = {
        "preset": "quick", "set": [], "recipe": "paper", "equal": None,
        "data": "sample", "seeds": "1", "threads": "1", "device": "cpu",
        "methods": "all", "noise": "all", "self_ensemble": False, "executor": "local", "colour": "auto", "white": "auto",
    }  # fmt: skip
    return argparse.Namespace(**(usual | changes))


def test_best_recipe_changes_nothing() -> None:
    for name, preset in PRESETS.items():
        assert get_preset(name, []) == preset
    for slug, method in methods.catalogue().items():
        assert method_of(slug, "best") is method
    assert [model_of(model.number, "best") for model in noise.catalogue()] == list(noise.catalogue())


def test_learning_rate_is_a_tenth_in_the_last_fifth() -> None:
    preset = get_preset("paper", [], "paper")
    assert {learning_rate(step, preset) for step in range(4000)} == {1e-4}
    assert learning_rate(4000, preset) == learning_rate(4999, preset) == pytest.approx(1e-5)
    assert (preset.ema, preset.flips, preset.weight_decay, preset.training_crop) == (0.0, False, 0.0, 128)


def test_assignments_come_after_the_recipe() -> None:
    preset = get_preset("quick", ["learning_rate=0.01", "patch=32"], "paper")
    assert (preset.learning_rate, preset.training_crop) == (0.01, 32)
    assert get_preset("quick", ["training_crop=0"], "paper").training_crop == 0


def test_sigma_falls_linearly_in_stairs_of_a_hundredth() -> None:
    """From 0.05 to 1e-6 over 4950 of 5000 steps in stairs of 50, then 1e-6."""
    sigmas = [PAPER.sigma(step / 5000) for step in range(5000)]
    assert sigmas[0] == sigmas[49] == 0.05
    assert sigmas[50] == sigmas[99] == pytest.approx(0.05 - (0.05 - 1e-6) / 99)
    assert sigmas[4950:] == [pytest.approx(1e-6)] * 50
    assert sigmas == sorted(sigmas, reverse=True)


@pytest.mark.parametrize(("number", "scale"), [(1, 127.5), (4, 127.5), (5, 255.0), (16, 255.0)])
def test_loss_is_eq_18_in_the_networks_units(number: int, scale: float) -> None:
    model = noise.get(number)
    y = model.sample(torch.full((2, 3, 8, 8), 90.0, dtype=torch.float64), torch.Generator().manual_seed(0))
    u = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    seen = []

    def network(z: torch.Tensor) -> torch.Tensor:
        seen.append(z)
        return torch.full_like(z, 3.0)

    loss = PAPER.loss(network, Batch(y, None, model, 0.0, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(seen[0], y + 0.05 * scale * u)
    torch.testing.assert_close(loss, ((0.05 * 3 + u) ** 2).mean())
    torch.testing.assert_close(PAPER.score(network, y, model), torch.full_like(y, 3 / scale))


def test_extra_noise_of_the_papers_code() -> None:
    for model in noise.catalogue():
        paper = model_of(model.number, "paper")
        assert paper.gaussian == (5.0 if 5 <= model.number <= 10 else model.gaussian)


def test_solver_runs_ten_iterations_on_y_and_neglects_sigma() -> None:
    method = method_of("score-solver", "paper")
    for model in noise.catalogue():
        assert not method.wants_decorrelated(model)
    model = noise.get(3)
    y = model.sample(torch.full((1, 3, 9, 9), 120.0), torch.Generator().manual_seed(0))
    denoised = method.denoise(lambda z: torch.full_like(z, 0.4), y, model, torch.Generator())
    torch.testing.assert_close(denoised, model.solve(y, torch.full_like(y, 0.4 / 127.5), iterations=10))


def test_published_noisier2noise_returns_the_posterior_mean() -> None:
    """With E[y | z] for its network, x ~ N(100, 40^2), sigma 25."""
    method = methods.get("noisier2noise").as_published()
    y = 100 + 50 * torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    of_z = 40**2 + 1.25 * 25**2
    ratio = (40**2 + 25**2) / of_z
    result = method.denoise(
        lambda z: (100 + ratio * (z - 100) - 127.5) / 127.5, y, noise.get(1), torch.Generator().manual_seed(2)
    )
    generator = methods.derived(torch.Generator().manual_seed(2), "second noise of noisier2noise")
    z = torch.stack(
        [y + 0.5 * 25 * torch.randn(y.shape, generator=generator, dtype=y.dtype) for _ in range(method.draws)]
    ).mean(0)
    torch.testing.assert_close(result, 100 + 40**2 / of_z * (z - 100))


def test_whole_matrix_can_be_planned() -> None:
    """Nos. 5-10 are mixtures then: Noise2Score and Neighbor2Neighbor through A^-1 do not apply, every law trains for itself."""
    settings = parse_settings(options())
    cells = planned(settings)
    verdicts = {(cell.noise_no, cell.method): cell.applicability for cell in cells}
    assert verdicts[5, "noise2score"] == "no" and verdicts[6, "neighbor2neighbor"] == "infeasible"
    assert not any(cell.decorrelated for cell in cells if methods.get(cell.method).trains)
    assert count_trainings(cells) == 16 + 4 + 4 + 16 + 4 + 16
    best = planned(parse_settings(options(recipe="best")))
    assert not {cell.key for cell in cells} & {cell.key for cell in best} - {None}

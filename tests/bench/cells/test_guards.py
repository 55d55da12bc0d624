"""Counting the guards: exactly where they changed something, by name, never for scores that need none, and in the records."""

import threading
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import noise
import reports
from bench.files.json_files import read_json, write_json
from methods import _score
from noise import guards
from tests.helpers.run_fixture import make_run as make_report_run
from tests.helpers.stub_methods import do

#: For each guard: a noise model, values of y and s of which all are guarded, and values of which none are.
CASES = [
    ("noisy value beyond limit", noise.get(1), [(2e6, 0), (-1e7, 0)], [(1e6, 0), (-1e6, 0), (0, 0)]),
    ("score beyond limit", noise.get(2), [(0, 2e6), (0, -1e7)], [(0, 1e6), (0, -1e6)]),
    ("gamma: negative intensity", noise.get(5), [(-1, 0), (-1e-3, 5)], [(0, 5), (1, 0)]),
    ("gamma: score too large", noise.get(5), [(100, 0.25), (100, 10), (1, 25)], [(100, 0.2), (100, -10), (0, 1e6), (-1, -1e4)]),
    ("poisson: negative intensity", noise.get(7), [(-2.51, 0), (-100, 9)], [(-2.5, 0), (-2, 0), (0, 0)]),
    ("poisson: score too large", noise.get(7), [(0, 0.81), (100, 3)], [(0, 0.8), (100, -3), (-3, 3)]),
    ("rayleigh: negative intensity", noise.get(9), [(-1, 0), (-200, -3)], [(0, 0), (100, 30), (100, -30)]),
    ("affine: no solution", noise.get(3), [(100, 0.1), (100, 100)], [(100, 0.07), (100, -0.1), (0, 0), (100, -100)]),
    ("gamma: negative intensity", noise.get(11), [(5, -0.06)], [(5, -0.04)]),
    ("poisson: negative intensity", noise.get(13), [(5, -0.08)], [(5, -0.06)]),
    ("rayleigh: negative intensity", noise.get(15), [(5, -0.06)], [(5, -0.04)]),
]


def image(pairs, dtype=torch.float64):
    """y and s of shape (1, 1, n) with those values."""
    return (torch.tensor([pair[index] for pair in pairs], dtype=dtype)[None, None] for index in range(2))


@pytest.mark.parametrize(("name", "model", "guarded", "free"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_counts_are_exact(name, model, guarded, free):
    for pairs, expected in ((guarded, len(guarded)), (free, 0), ([*guarded, *free, *guarded], 2 * len(guarded))):
        with guards.count() as counts:
            model.solve(*image(pairs))
        assert counts.get(name, 0) == expected
        assert all(type(value) is int and value > 0 for value in counts.values())


@pytest.mark.parametrize("model", [m for m in noise.catalogue() if m.number not in (1, 2, 4)], ids=lambda m: m.slug)
def test_every_base_and_mixture_has_guards_and_without_them_counts_nothing(model):
    y, s = torch.full((3, 8, 8), -300.0, dtype=torch.float64), torch.full((3, 8, 8), 0.01, dtype=torch.float64)
    if model.number == 3:
        y, s = -y, 10 * s
    with guards.count() as counts:
        model.solve(y, s)
    assert list(counts.values()) == [y.numel()]  # one guard of each value: constant images are what A leaves alone
    with guards.count() as counts:
        model.solve(y, s, iterations=10)
        model.solve(y * 1e9, s * 1e9, iterations=3)
    assert counts == {}


def test_coupled_affine_noise_counts_what_has_no_solution_and_what_never_stands_still():
    y = torch.full((3, 16, 16), 100.0, dtype=torch.float64)
    model = noise.get(4)
    with guards.count() as counts:
        model.solve(y, torch.full_like(y, 0.1))  # Eq. 7 has no solution
    assert counts == {"affine: no solution": y.numel()}
    with guards.count() as counts:
        model.solve(y, torch.full_like(y, -0.5))  # a steep equation: the iterates jump from side to side
    assert counts["affine: not converged"] == y.numel()
    with guards.count() as counts:
        model.solve(y, torch.full_like(y, 0.01))
    assert counts == {}


@pytest.mark.parametrize("number", range(1, 11))
def test_exact_scores_of_sampled_images_need_no_guard(number, seeded):
    model = noise.get(number)
    x = 1 + 254 * torch.rand(3, 128, 128, generator=seeded(number), dtype=torch.float64)
    y = model.sample(x, seeded(100 + number))
    with guards.count() as counts:
        solved = model.solve(y, model.score(x, y))
    assert counts == {}
    torch.testing.assert_close(solved, x, rtol=1e-6, atol=1e-6)


def test_counting_does_not_change_the_result():
    generator = torch.Generator().manual_seed(0)
    for model in noise.catalogue():
        y, s = (scale * torch.randn(3, 16, 16, generator=generator) for scale in (200, 0.1))
        plain = model.solve(y, s)
        with guards.count():
            assert torch.equal(model.solve(y, s), plain)


def test_nobody_counts_outside():
    asked = []
    guards.note("test", lambda: asked.append(1) or torch.ones(1, dtype=torch.bool))
    assert asked == []  # the mask is not even computed
    with guards.count() as counts:
        pass
    noise.get(5).solve(*image([(-1, 0)]))
    assert counts == {}


def test_nested_counts_each_have_their_own_and_close_in_order():
    model, (y, s) = noise.get(5), image([(-1, 0)])
    with guards.count() as outer:
        model.solve(y, s)
        with suppress(RuntimeError), guards.count() as inner:
            model.solve(y, s)
            model.solve(y, s)
            raise RuntimeError
        model.solve(y, s)
    assert inner == {"gamma: negative intensity": 2}
    assert outer == {"gamma: negative intensity": 4}


def test_threads_count_apart():
    model, (y, s) = noise.get(5), image([(-1, 0)])
    found, barrier = {}, threading.Barrier(2)

    def work(times):
        with guards.count() as counts:
            barrier.wait(30)  # both count at the same time
            for _ in range(times):
                model.solve(y, s)
        found[times] = counts

    with guards.count() as own:
        threads = [threading.Thread(target=work, args=(times,)) for times in (3, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {times: {"gamma: negative intensity": times} for times in (3, 5)}
    assert own == {}


def test_records_hold_the_share_of_the_values(make_run, monkeypatch):
    """A score of 100 per grey level in every fourth column is too large for Gamma noise; black pixels too, as sigma_a > 0."""

    def wild(self, network, y, model):
        return torch.where(torch.arange(y.shape[-1]) % 4 == 0, 100.0, 0.0).expand_as(y)

    monkeypatch.setattr(_score.ScoreMatching, "score", wild)
    run = make_run(noise_=("gamma", "gaussian"), methods_=("noisy", "score-solver"))
    records = do(run)
    found = records["gamma", "score-solver", 0]
    share = (2 * 33 * 9 + 32 * 8) / (2 * 33 * 35 + 32 * 32)  # two images of 33x35, one of 32x32
    assert found["guards"] == {"gamma: score too large": pytest.approx(share, rel=1e-12)}
    (warning,) = found["warnings"]
    assert warning == f"Eq. 7 had to be guarded on more than 1 % of the values: gamma: score too large {100 * share:.1f} %."
    for key in (("gamma", "noisy", 0), ("gaussian", "score-solver", 0)):
        assert (records[key]["guards"], records[key]["warnings"]) == ({}, [])


def test_rare_guards_are_recorded_without_a_warning(make_run, monkeypatch):
    def rare(self, network, y, model):
        score = torch.zeros_like(y)
        score[0, 0, 5, 5] = 100.0
        return score

    monkeypatch.setattr(_score.ScoreMatching, "score", rare)
    run = make_run(noise_=("rayleigh", "gamma"), methods_=("score-solver",))
    records = do(run)
    found = records["gamma", "score-solver", 0]
    assert 0 < found["guards"]["gamma: score too large"] <= 3 / (3 * (2 * 33 * 35 + 32 * 32))
    assert found["warnings"] == []
    assert records["rayleigh", "score-solver", 0]["guards"] == {}


def test_failed_cells_have_no_guards(make_run, monkeypatch):
    monkeypatch.setattr(_score.ScoreMatching, "score", lambda *_: 1 / 0)
    records = do(make_run(noise_=("gamma",), methods_=("score-solver",)))
    assert (records["gamma", "score-solver", 0]["status"], records["gamma", "score-solver", 0]["guards"]) == ("failed", {})


def test_report_tells_of_guards_and_is_silent_without(tmp_path: Path):
    make_report_run(tmp_path, noises=("gamma", "rayleigh"), images=1, crops=0)
    assert ">Guards<" not in reports.write(tmp_path).read_text()
    for slug, told in (
        ("gamma", {"gamma: <b>score</b>": 0.0234, "other": 3e-9, "bad": "x"}),
        ("rayleigh", ["not", "a", "mapping"]),
    ):
        path = next((tmp_path / "cells").glob(f"*-{slug}--score-solver--s0.json"))
        write_json(path, read_json(path) | {"guards": told})
    page = reports.write(tmp_path).read_text()
    assert page.index("gamma: &lt;b&gt;score&lt;/b&gt;") < page.index("below 0.0001 %")
    assert "at most on 2.3 % of a cell’s values" in page
    assert "<b>score" not in page

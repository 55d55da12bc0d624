"""How much memory a run takes, told before it starts, and how many workers fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.executors import needs as module
from bench.executors.needs import Needs, available_bytes, evaluation_bytes, fitted, needs_of, training_bytes
from bench.executors.place import Place
from bench.plan.settings import PRESETS
from bench.runs.inputs import Run
from bench.training.networks import make_network
from tests.helpers.harness import here, tiny

GIB = 2**30


def test_workers_within_what_is_free() -> None:
    needs = Needs(worker=2 * GIB, shared=GIB)
    assert [needs.workers_within(free * GIB) for free in (0, 1, 2, 3, 9, 10)] == [0, 0, 0, 1, 4, 4]


def test_it_grows_with_what_it_is_of() -> None:
    preset = PRESETS["quick"]
    network = make_network(preset)
    pixels = preset.patches * preset.patch**2
    step = training_bytes(network, preset, pixels)
    weights = 4 * 5 * sum(p.numel() for p in network.parameters())
    assert training_bytes(network, preset, 2 * pixels) - weights == pytest.approx(2 * (step - weights), rel=1e-6)
    assert training_bytes(network, dataclasses.replace(preset, accumulate=2), 2 * pixels) == step
    one, ten = (evaluation_bytes(network, pixels, at_once=10**4) for pixels in (10**5, 10**6))
    assert ten - one == 9 * 10**5 * 420  # the network sees no more of it at a time
    assert evaluation_bytes(network, 10**4, 10**4) > evaluation_bytes(network, 10**4, 10**3)
    large = evaluation_bytes(network, 12 * 10**6, at_once=10**4)  # in blocks, of which 0.9 to 1.6 GiB were measured
    assert 1.5 * GIB < large < 1.7 * GIB < 4 * GIB < evaluation_bytes(network, 12 * 10**6, at_once=12 * 10**6)
    assert not any(module._forward_hooks for module in network.modules())


def test_a_step_keeps_at_least_what_its_convolutions_are_given() -> None:
    """Counted by hand for the first level: its features, 16 of 48x48 in float32, come in more than five copies."""
    preset = PRESETS["quick"]
    assert training_bytes(make_network(preset), preset, preset.patch**2) > 5 * 16 * preset.patch**2 * 4


def test_images_count_once_for_each_worker_and_noisy_ones_once_for_all(make_run: Callable[..., Run]) -> None:
    run, pairs = make_run(methods_=("supervised",)), make_run(methods_=("supervised", "noise2noise"))
    found = needs_of(run.settings, run.data)
    training = sum(image.pixels.size for chosen in run.data.training for image in chosen.images)
    assert found.shared == 2 * 4 * training
    assert needs_of(pairs.settings, pairs.data).shared == 2 * 2 * 4 * training  # two draws of each image
    assert found.worker > 300 * 2**20


def place_of(run: Run, free: float, **options: object) -> tuple[Place, str]:
    place = Place(**{"workers": 8, "fixed": False, **options})  # type: ignore[arg-type]
    return fitted(place, run.settings, run.data, int(free * GIB))


def test_the_default_number_of_workers_fits_memory(make_run: Callable[..., Run]) -> None:
    run = make_run()
    few, told = place_of(run, 1.2)
    assert few.workers == 2 and told.startswith("2 of 8 workers, for want of memory: a worker takes about 0.4 GiB")
    assert place_of(run, 64) == (Place(workers=8, fixed=False), "")
    asked, told = place_of(run, 1.2, fixed=True)
    assert asked.workers == 8 and told.startswith("8 workers may be too many") and told.endswith("2 would fit.")
    for options in ({"executor": "slurm"}, {"executor": "ray", "workers": None}):
        assert place_of(run, 0.1, **options)[1] == ""
    with pytest.raises(UsageError, match=r"--preset tiny: a worker takes about .* 0\.2 GiB are free: expected smaller"):
        place_of(run, 0.2)


def test_a_container_s_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = available_bytes(tmp_path / "none")
    assert free > 0
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert available_bytes(tmp_path) == pytest.approx(free, rel=0.2)
    (tmp_path / "memory.max").write_text("5000\n")
    assert available_bytes(tmp_path) == 4000


def test_a_run_that_cannot_fit_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_bytes", lambda: 10**8)
    status, output, error = here("run", "--noise", "1", *tiny(), "--device", "cpu", "--out", tmp_path / "run")
    assert (status, output) == (2, "") and "0.1 GiB are free" in error and len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()

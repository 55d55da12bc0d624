"""Which rows of a run `robustness` takes: those with true parameters to be wrong about."""

from __future__ import annotations

from pathlib import Path

import pytest

import noise
from bench.commands.scannable import entries_of
from bench.errors import UsageError
from bench.plan.cells import Entry
from bench.plan.measured import Told, measured, with_law
from bench.runs import store
from bench.runs.laws import noise_record
from tests.helpers.merging import made_up

MEASURED = with_law(measured("mine"), Told("mine", expression="poisson(lam=0.3)"))


def _run(directory: Path, *models: noise.NoiseModel) -> tuple[dict, list[Entry]]:
    plan = [Entry(model.number, model.slug, "score-solver", 0, "yes", "", f"key{i}", False) for i, model in enumerate(models)]
    (directory / "weights").mkdir(exist_ok=True)
    for entry in plan:
        store.write_cell(directory, entry, made_up(directory, entry, "done"))
        (directory / "weights" / f"{entry.key}.safetensors").touch()
    return {"noise": [noise_record(model) for model in models], "methods": []}, plan


def test_rows_of_noise_models_are_taken_beside_measured_ones(tmp_path: Path) -> None:
    run = _run(tmp_path, MEASURED, noise.get(14), noise.get(15), noise.get("speckle"))
    assert [entry.noise_no for entry in entries_of(tmp_path, *run, "14,15", "score-solver")] == [14, 15]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mine", "--noise mine: the law of measured noise is not known but estimated, so it has no true parameters"),
        ("14,mine", "--noise mine: the law of measured noise is not known"),
        ("real", "--noise mine: the law"),
        ("mine(learn=halves)", "--noise mine(learn=halves): the law"),
        ("speckle", "--noise speckle: it has no parameter to get wrong"),
        ("15", "--noise rayleigh+gaussian: the run has no such noise model with score-solver"),
        ("mien", "mine"),
    ],
)
def test_others_are_refused_before_any_work(tmp_path: Path, text: str, told: str) -> None:
    run = _run(tmp_path, MEASURED, noise.get(14), noise.get("speckle"))
    with pytest.raises(UsageError) as caught:
        entries_of(tmp_path, *run, text, "score-solver")
    words = str(caught.value)
    assert told in words and "\n" not in words
    assert text == "mien" or words.endswith("expected of 14 poisson-conv+gaussian")


def test_a_run_without_the_method_says_what_it_is_of(tmp_path: Path) -> None:
    run = _run(tmp_path, noise.get(14))
    with pytest.raises(UsageError, match=r"the run has no score-solver-plus: .* this one is of score-solver$"):
        entries_of(tmp_path, *run, "14,15", "score-solver-plus")


def test_a_run_of_measured_noise_alone_has_nothing_for_it(tmp_path: Path) -> None:
    run = _run(tmp_path, MEASURED)
    with pytest.raises(UsageError, match="has no true parameters to get wrong: expected a run that has a noise model, too"):
        entries_of(tmp_path, *run, "14,15", "score-solver")
    del run[0]["noise"][0]["measured"]["name"]
    with pytest.raises(UsageError, match="no readable rows"):
        entries_of(tmp_path, *run, "14,15", "score-solver")

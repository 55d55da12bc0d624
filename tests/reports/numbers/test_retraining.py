"""The spread of retraining against the two runs that it was measured by, and how many trainings a run is said to have."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reports
from reports.numbers.compare import TOLERANCE, compare
from reports.numbers.retraining import RETRAINED, RETRAINING, one_network, spread, trainings
from reports.numbers.tables import Scores
from tests.helpers.run_fixture import METHODS, make_run
from tests.reports.numbers.test_compare import compared, of, only_row, save
from tests.reports.numbers.test_significance import only, table

ROOT = Path(__file__).parents[3]
FEW = ("gaussian", "gaussian-conv", "gaussian-affine")
TRAINED = METHODS[1:]


def test_the_spread_is_the_root_mean_square_of_six() -> None:
    assert len(RETRAINED) == 6
    assert round(sqrt(fmean(gap**2 for gap in RETRAINED.values())), 2) == RETRAINING
    assert spread(1) == RETRAINING
    assert spread(4) == RETRAINING / 2


def test_it_is_that_of_the_reference_results_and_a_rerun_on_other_hardware_agrees() -> None:
    places = [ROOT / "results" / name for name in ("small-equal-steps", "small-recipes/best")]
    tables = [pd.read_parquet(place / "results.parquet").query("metric == 'psnr' and method != 'noisy'") for place in places]
    both = tables[0].merge(tables[1], on=["noise_no", "method", "seed", "dataset", "image"])
    both["gap"] = both["value_y"] - both["value_x"]
    both["dataset"] = both["dataset"].replace({"kodak24": "kodak", "cset9": "kodak"})
    found = both.groupby(["noise_no", "dataset", "image"])["gap"].mean().groupby("noise_no").mean()
    assert found.to_dict() == pytest.approx(RETRAINED, abs=0.0005)
    compared = compare(*(reports.load(place / "results.parquet") for place in places))
    assert {row.method for row in compared.pooled("psnr")} == {"noisy", "score-solver"}
    assert {row.verdict for row in compared.pooled("psnr")} <= {"agree", "identical"}
    assert TOLERANCE == 2 * RETRAINING


@pytest.mark.parametrize(
    ("gap", "spread", "verdict"),
    [(0.1, 0.11, "near"), (-0.1, 0.11, "near"), (0.12, 0.11, "a"), (-0.12, 0.11, "b"), (0.1, 0.0, "a"), (0.0, 0.11, "tie")],
)
def test_a_difference_within_the_spread_of_retraining_is_no_lead(gap: float, spread: float, verdict: str) -> None:
    wave = np.linspace(-0.01, 0.01, 20)
    pair = only(table({"a": list(28 + gap + wave), "b": [28.0] * 20}))
    assert pair.seeds == 1
    held = replace(pair, spread=spread)
    assert (held.verdict, held.seen_from("b").verdict) == (verdict, {"a": "b", "b": "a"}.get(verdict, verdict))


@pytest.mark.parametrize(("shift", "verdict"), [(0.002, "agree"), (0.05, "B higher"), (-0.05, "B lower")])
def test_what_trains_nothing_is_held_to_the_printed_precision(tmp_path: Path, shift: float, verdict: str) -> None:
    runs = [
        save(tmp_path / f"{move}.parquet", of({f"i{index:02d}": 20.0 + index + move for index in range(24)}, method="noisy"))
        for move in (0.0, shift)
    ]
    assert only_row(compared(*runs)).verdict == verdict


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (set(), "three trainings a method"),
        (set(product((1, 2, 3), METHODS, (1, 2))), "one training a method"),
        (
            set(product((1, 2), METHODS, (1, 2))) | set(product((3,), ("noisier2noise", "neighbor2neighbor"), (1, 2))),
            "one training a method on 2 of 3 noise models, one to three on No. 3",
        ),
        (set(product((1,), TRAINED, (2,))), "three trainings a method on 2 of 3 noise models, two on No. 1"),
        (
            set(product((1,), TRAINED, (1, 2))) | set(product((3,), TRAINED, (0, 1, 2))),
            "one training a method on 1 of 2 noise models, three on No. 2",
        ),
        (set(product((1, 2, 3), TRAINED, (0, 1, 2))), ""),
    ],
)
def test_how_many_trainings_a_method_has_is_said(tmp_path: Path, missing: set[Any], words: str) -> None:
    run = make_run(tmp_path, noises=FEW, seeds=3, images=1, datasets=("mine",), pending=missing, crops=0, points=1)
    assert trainings(Scores(reports.load(run))) == words


def test_methods_of_one_network_are_known_by_their_cells(tmp_path: Path) -> None:
    run = make_run(tmp_path, noises=FEW[:2], seeds=2, images=1, datasets=("mine",), crops=0, points=1)
    pair = frozenset(("noise2score", "score-solver"))
    assert one_network(reports.load(run)) == {("gaussian", pair), ("gaussian-conv", pair)}
    file = run / "cells" / "01-gaussian--score-solver--s1.json"
    cell = json.loads(file.read_text(encoding="utf-8"))
    cell["training"]["key"] = "of its own"
    file.write_text(json.dumps(cell), encoding="utf-8")
    assert one_network(reports.load(run)) == {("gaussian-conv", pair)}
    assert one_network(reports.load(run / "results.csv")) == frozenset()

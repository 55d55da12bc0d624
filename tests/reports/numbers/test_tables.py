"""The means of a report where methods have unequal numbers of seeds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import reports
from reports.numbers.tables import OVERALL, Scores
from tests.helpers.run_fixture import make_run


def test_fewer_seeds_asked_for_are_no_missing_ones(tmp_path: Path) -> None:
    """A merged run may have more seeds for some methods; a seed that failed is missing all the same."""
    make_run(tmp_path, noises=("gaussian",), seeds=3, crops=0, failed={(1, "supervised", 1)})
    table = pd.read_parquet(tmp_path / "results.parquet")
    fewer = table[(table["method"] != "noise2score") | (table["seed"] == 0)]
    fewer.to_parquet(tmp_path / "fewer.parquet")
    scores = Scores(reports.load(tmp_path / "fewer.parquet"))
    found = {method.slug: scores.score(scores.noises[0], method, OVERALL, "psnr") for method in scores.methods}
    assert (found["noise2score"].complete, found["noise2score"].note, found["noise2score"].seeds) == (True, "", 1)
    assert found["score-solver"].complete and found["score-solver"].seeds == 3
    assert not found["supervised"].complete and "6 of 9 values are there" in found["supervised"].note
    row = scores.row(scores.noises[0], OVERALL, "psnr")
    assert {score.mark for score in row.values()} == {"", "best", "second"} and not row["supervised"].mark

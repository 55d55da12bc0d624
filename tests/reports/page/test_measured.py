"""The section on measured noise: its rows, its means, and what stands where there is no truth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from reports.numbers.tables import Scores
from reports.page.measured import measured_sets
from reports.page.render import render
from reports.read.model import COLUMNS, Method, Noise, Run, Verdict

TOLD = {
    "name": "stars",
    "beside": ["second"],
    "expression": "poisson(lam=2)",
    "law": "poisson(lam=2)",
    "sd": 3.21,
    "doubts": [],
}
ROWS = tuple(
    Noise(0, slug, slug, measured=TOLD | {"learn": learn, "sureness": "<sure>"})
    for slug, learn in (("stars", "all"), ("stars(learn=halves)", "halves"))
)
NUMBERS = {"umse": (-4.0, 1.0), "umse_error": (3.0, 4.0), "frc": (0.5, 0.7), "lag_rows": (0.0, 0.1), "lag_columns": (0.0, -0.1)}


def _run(tmp_path: Path) -> Run:
    methods = (Method("noisy", "Noisy input"), Method("supervised", "Supervised", supervised=True))
    rows = [
        (0, noise.slug, "noisy", 0, "done", "yes", "why", "stars", image, metric, values[place])
        for noise in ROWS
        for metric, values in NUMBERS.items()
        for place, image in enumerate(("a", "b"))
    ]
    reason = "needs clean images, which stars lacks"
    rows += [(0, noise.slug, "supervised", 0, "not-applicable", "no", reason, "", "", "", float("nan")) for noise in ROWS]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).assign(crop=0)
    verdicts = {(noise.slug, "noisy"): Verdict("yes", "why") for noise in ROWS}
    verdicts |= {(noise.slug, "supervised"): Verdict("no", reason) for noise in ROWS}
    return Run(tmp_path, {}, table, methods, ROWS, verdicts, ("stars",), (), ())


def test_a_set_is_one_table_with_a_column_for_each_way_of_learning(tmp_path: Path) -> None:
    (found,) = measured_sets(Scores(_run(tmp_path)))
    assert (found.name, found.beside, found.law, found.sd) == ("stars", ("second",), "poisson(lam=2)", "3.21")
    assert found.headings == ("uMSE", "FRC", "lag 1, down", "lag 1, across") and len(found.ways) == 2
    noisy, supervised = found.lines
    # of two images with standard errors 3 and 4, that of the mean is sqrt(3^2 + 4^2) / 2
    assert noisy.numbers[0] == ("\u22121.50 \u00b1 2.50", "0.600", "0.05", "\u22120.05") == noisy.numbers[1]
    assert supervised.numbers[0] == ("",) * 4 and supervised.states[0].words == "\u2014"


def test_the_page_has_the_section_where_there_is_measured_noise_alone(tmp_path: Path) -> None:
    run = _run(tmp_path)
    page = render(run)
    assert 'id="measured"' in page and "&lt;sure&gt;" in page and "<sure>" not in page
    plain = Run(tmp_path, {}, run.table, run.methods, (), run.verdicts, run.datasets, (), ())
    assert measured_sets(Scores(plain)) == []

"""The section on measured noise: its rows, its means, and what stands where there is no truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reports.forms.export import export
from reports.forms.measured import measured_sets
from reports.forms.paperform import paper_tables
from reports.numbers.significance import significance
from reports.numbers.tables import Scores
from reports.page.crops import stock
from reports.page.measured import measured_strips
from reports.page.render import render
from reports.read.model import COLUMNS, Cell, Crop, Method, Noise, Run, Verdict

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
    assert noisy.numbers[0] == ("\u22121.50 \u00b1 2.50", "0.600", "", "") == noisy.numbers[1]  # nothing was taken away
    assert supervised.numbers[0] == ("",) * 4 and supervised.states[0].words == "\u2014"


def test_the_page_has_the_section_where_there_is_measured_noise_alone(tmp_path: Path) -> None:
    run = _run(tmp_path)
    page = render(run)
    assert 'id="measured"' in page and "&lt;sure&gt;" in page and "<sure>" not in page
    statistics = page[page.index('id="statistics"') : page.index('id="applicability"')]
    assert "no noise model of this run has clean images" in statistics and "<table" not in statistics
    plain = Run(tmp_path, {}, run.table, run.methods, (), run.verdicts, run.datasets, (), ())
    assert measured_sets(Scores(plain)) == []


def test_measured_noise_has_tables_of_its_own_and_none_in_the_papers_form(tmp_path: Path) -> None:
    run = _run(tmp_path)
    scores = Scores(run)
    assert paper_tables(scores, significance(scores)) == ()
    markdown, latex = export(run, "markdown"), export(run, "latex")
    assert "**stars**" in markdown and "| Noisy input | \u22121.50 \u00b1 2.50 | 0.600 |" in markdown
    assert r"\multicolumn{4}{c}{learnt from the set itself}" in latex and r"$-$1.50 $\pm$ 2.50 & 0.600" in latex


@pytest.mark.parametrize(("level", "brighter"), [(20, 12), (200, 1), (0, 16)])
def test_crops_stand_in_the_section_and_dark_ones_are_shown_brighter(tmp_path: Path, level: int, brighter: int) -> None:
    Image.fromarray(np.full((40, 40), level, np.uint8)).save(tmp_path / "a.png")
    nothing = dict.fromkeys(("training", "denoise_seconds", "megapixels", "seconds", "peak_memory_mib"))
    words = dict.fromkeys(("finished", "message", "traceback"), "")
    crops = (Crop("stars", "a", "a.png", ""),)
    cells = tuple(
        Cell(0, noise.slug, "noisy", 0, "done", "yes", "why", False, rows=(), crops=crops, warnings=(), **nothing, **words)
        for noise in ROWS
    )
    run = replace(_run(tmp_path), cells=cells)
    scores = Scores(run)
    found = measured_strips(scores, stock(scores))["stars"]
    assert [seen.strip.brighter for seen in found] == [brighter] * 2 and [seen.strip.image for seen in found] == ["a", "a"]
    page = render(run)
    section = page[page.index('id="measured"') : page.index('id="statistics"')]
    assert section.count('alt="Noisy input, a"') == 2
    # in the section of the set, in the overview and in the galleries, for each of the two rows
    assert page.count(f", shown {brighter} times as bright") == page.count("data-bright style=") == (6 if brighter > 1 else 0)

"""Scores as LaTeX: that they compile, fit into the text of a page, and what a name comes out as."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import reports
from reports.forms.export import PAGE_ROWS, as_latex
from reports.forms.longtable import long_table
from reports.forms.markup import latex
from reports.forms.paperform import paper_tables
from reports.numbers.significance import significance
from reports.numbers.tables import Scores
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run
from tests.reports.forms.test_export import FEW, NASTY, rename

LATEX_ENGINE = next(filter(None, map(shutil.which, ("pdflatex", "lualatex", "xelatex", "tectonic"))), None)
needs_latex = pytest.mark.skipif(LATEX_ENGINE is None, reason="no LaTeX on the path (pdflatex, lualatex, xelatex or tectonic)")
SETS = ("kodak24-500", "cset9", "cbsd68", "kodak24")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % & $x_1$ #2", r"50 \% \& \$x\_1\$ \#2"),
        ("{a}^b~c\\d", r"\{a\}\textasciicircum{}b\textasciitilde{}c\textbackslash{}d"),
        ("e\u0301 \u00ee \u00e7 \u0219", r"\'{e} \^{\i} \c{c} \texttt{U+0219}"),
        ("\u03bb = 0.2, \u96d1", r"$\lambda$ = 0.2, \texttt{U+96D1}"),
        ("a--b \u2014 c", r"a-{}-b --- c"),
        (" two\n lines ", "two lines"),
    ],
)
def test_text_as_latex(text: str, expected: str) -> None:
    assert latex(text) == expected


def compiled(folder: Path, body: str) -> str:
    """What LaTeX says of a document of the class article with this body."""
    document = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + body + "\\end{document}\n"
    (folder / "all.tex").write_text(document, encoding="utf-8")
    assert LATEX_ENGINE
    options = [] if LATEX_ENGINE.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run([LATEX_ENGINE, *options, "all.tex"], cwd=folder, capture_output=True, timeout=120, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    return said


@needs_latex
@pytest.mark.parametrize("hostile", ["", HOSTILE, NASTY], ids=["usual", "hostile", "nasty"])
def test_latex_compiles(tmp_path: Path, hostile: str) -> None:
    run = make_run(tmp_path / "run", images=1, seeds=2, hostile=hostile, failed={(1, "supervised", 0)}, crops=0)
    rename(run, {"noisy": "[1ex] first" + hostile, "supervised": "*" + hostile} if hostile else {})
    said = compiled(tmp_path, reports.export(reports.load(run), "latex"))
    assert (tmp_path / "all.pdf").stat().st_size > 10_000
    assert "too large" not in said or hostile


@needs_latex
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("datasets", [SETS[:1], SETS[:3], SETS])
def test_latex_tables_are_no_wider_than_the_text(tmp_path: Path, datasets: tuple[str, ...], seeds: int) -> None:
    methods = (*METHODS, "score-solver-plus")
    run = make_run(tmp_path / "run", datasets=datasets, methods=methods, images=1, seeds=seeds, crops=0, points=2)
    scores = Scores(reports.load(run))
    assert "Overfull" not in compiled(tmp_path, "\n".join(map(as_latex, paper_tables(scores, significance(scores)))))
    rows = long_table(scores).listing("latex")
    said = compiled(tmp_path, rows.head + "\n".join(rows.lines[-PAGE_ROWS:]) + rows.foot)  # the longest names of noise models
    assert "Overfull" not in said and "too large" not in said


def test_where_columns_are_many_latex_has_the_spread_of_the_mean_alone(tmp_path: Path) -> None:
    for count, spreads in ((3, 4), (4, 1)):
        make_run(tmp_path / str(count), noises=FEW[:1], datasets=SETS[:count], images=1, seeds=2, crops=0, points=2)
        run = reports.load(tmp_path / str(count))
        text, table = reports.export(run, "latex"), reports.export(run, "markdown")
        assert {line.count("$\\pm$") for line in text.splitlines() if line.startswith("Supervised")} == {spreads}
        assert ("of the mean PSNR over the seeds" in text) == (spreads == 1)
        assert {line.count("±") for line in table.splitlines() if "| Supervised |" in line} == {count + 1}

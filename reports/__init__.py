"""One self-contained `report.html` from a run directory's plain files.

    reports.write(Path("runs/quick"))            # runs/quick/report.html, replaced atomically
    reports.render(reports.load("runs/quick"))   # the same page as a string
    reports.export(reports.load("runs/quick"), "latex")  # the tables alone; also "markdown", "csv"

Reads only what docs/run-directory.md describes and imports no other package of the suite. What is missing or damaged is
said on the page, in the section that lacks it; a bare `results.parquet` or `results.csv` is enough for the tables.
A package of denoisebench.
"""

from reports.forms.export import export
from reports.page.render import render
from reports.page.writing import write
from reports.published.literature import gaps
from reports.read.load import load
from reports.read.model import Run

__all__ = ["Run", "export", "gaps", "load", "render", "write"]

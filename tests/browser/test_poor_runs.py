"""Runs of which much is missing, or there is much, in a real browser: the page says so and can be used. Skipped without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, METHODS, NOISES, make_run

FEW = ("gaussian", "gamma-conv", "rayleigh")
CELLS = tuple(product((1, 6, 9), METHODS, (0,)))


def none_finished(folder: Path) -> None:
    make_run(folder, noises=FEW, pending=CELLS)


def one_image(folder: Path) -> None:
    make_run(folder, noises=FEW[:1], datasets=("kodak24",), images=1)


def one_method(folder: Path) -> None:
    make_run(folder, noises=FEW, methods=("score-solver",), images=2)


def nothing_finite(folder: Path) -> None:
    make_run(folder, noises=FEW, images=12, value=lambda *place: float("nan"))


def some_not_finite(folder: Path) -> None:
    values = {"noise2score": float("nan"), "score-solver": float("inf"), "supervised": float("-inf")}
    make_run(folder, noises=FEW, images=12, value=lambda n, m, s, d, image, metric: values.get(m, 28.0) if image == 0 else 28.0)


def crops_gone(folder: Path) -> None:
    make_run(folder, noises=FEW, images=2)
    for index, path in enumerate(sorted((folder / "crops").iterdir())):
        if index % 2:
            path.unlink()


def half_failed(folder: Path) -> None:
    make_run(folder, noises=FEW, images=2, failed=CELLS[::2], timeout=CELLS[1:4:2], hostile=HOSTILE)


#: What the reader must be told.
POOR: dict[Callable[[Path], None], tuple[str, ...]] = {
    none_finished: ("0 of 15 cells are finished", "No unsupervised method has finished", "No crops", "No costs"),
    one_image: ("too few images to tell", "Rank 1 of 1"),
    one_method: ("There is nothing to compare", "Score solver on 3", "No noise model has both a supervised"),
    nothing_finite: ("Scores that are not finite", "so there is no winner to name"),
    some_not_finite: ("Scores that are not finite", "11 of 12 values are there and finite"),
    crops_gone: ("the crop's file is missing",),
    half_failed: ("of 15 cells failed", "FloatingPointError: loss is nan at step 120", "out of time"),
}


@pytest.mark.parametrize("make", POOR, ids=lambda make: make.__name__)
def test_a_poor_run_gives_a_clear_page(browser: Any, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    opened = Opened(browser, reports.write(tmp_path), viewport={"width": 390, "height": 844})
    opened.unfold()
    words = " ".join(opened.page.locator("body").inner_text().split())
    for told in POOR[make]:
        assert told in words
    assert not re.search(r"\b(nan|inf|None|undefined|NaN|Infinity) ?dB|\bNone,|[{}]{2}", words)
    assert opened.page.locator("main > section").count() >= 7
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.findings("#summary") == []
    assert opened.errors == []
    assert opened.only_itself()
    opened.context.close()


@pytest.mark.slow
def test_sixteen_methods_stay_usable(browser: Any, tmp_path: Path) -> None:
    """16 noise models x 16 methods x 3 seeds: the page can be read, filtered and sorted; how fast is in the benchmarks."""
    methods = ("noisy", "supervised", *(f"method-{index:02d}" for index in range(14)))
    make_run(tmp_path, methods=methods, seeds=3, images=2, crops=0, points=10)
    file = reports.write(tmp_path)
    assert file.stat().st_size < 16 * 2**20
    opened = Opened(browser, file, viewport={"width": 1280, "height": 900})
    page = opened.page
    shown = "Array.from(document.querySelectorAll('#long tbody tr:not([hidden])'), (row) => row.cells[{}].{})"
    assert page.locator("table.heatmap[data-protocol-table=standard] tbody tr").count() == len(NOISES)
    page.locator("select[data-column='1']").select_option("rayleigh")
    assert page.evaluate(shown.format(1, "textContent")) == ["rayleigh"] * len(methods) * 3 * 2
    page.get_by_role("button", name="psnr", exact=True).click()
    values = [float(value) for value in page.evaluate(shown.format(6, "dataset.value"))]
    assert values == sorted(values)
    label = page.locator("table.heatmap tbody th:visible").first
    before = label.bounding_box()
    page.evaluate("document.querySelector('table.heatmap').closest('.scroll').scrollLeft = 1e4")
    assert page.evaluate("document.querySelector('table.heatmap').closest('.scroll').scrollLeft") > 0
    assert label.bounding_box() == before  # the noise models stay in sight
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []
    opened.context.close()

"""The pages on paper: nothing wider than a sheet of A4, however many methods and seeds. Skipped without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import reports
from tests.helpers.opened import Opened
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run
from tests.reports.page.test_comparepage import page_of, shifted

FEW = ("gaussian-conv", "gamma-conv", "rayleigh-conv+gaussian")
PAPER = {"width": 703, "height": 1000}  # 210 mm less the margins, at 96 pixels an inch
SEVEN = (*METHODS, "score-solver-plus")
SIXTEEN = (*METHODS, *(f"another-method-{index}" for index in range(10)))

#: What reaches beyond the sheet, but for what is cut off there, and is not read.
BEYOND = """() => Array.from(document.querySelectorAll("body *"))
    .filter((part) => !part.closest(".zoom, .hidden-text, .skip") && part.getBoundingClientRect().right > innerWidth + 1)
    .map((part) => `${part.tagName} ${part.className} ${part.textContent.trim().slice(0, 30)}`)"""


def on_paper(browser: Any, file: Path) -> Opened:
    opened = Opened(browser, file, viewport=PAPER, color_scheme="dark")
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    return opened


@pytest.mark.parametrize(
    ("methods", "seeds", "hostile"),
    [(SEVEN, 1, ""), (SEVEN, 3, ""), (SIXTEEN, 3, ""), (SEVEN, 2, HOSTILE)],
    ids=["seven methods", "three seeds", "sixteen methods", "long names"],
)
def test_nothing_reaches_beyond_the_sheet(
    browser: Any, tmp_path: Path, methods: tuple[str, ...], seeds: int, hostile: str
) -> None:
    sets = {"kodak24-500": 12, "cset9": 1, "cbsd68": 1}
    failed = {(1, "supervised", 0)}
    make_run(
        tmp_path, noises=FEW, methods=methods, seeds=seeds, datasets=tuple(sets), images=sets, failed=failed, hostile=hostile
    )
    opened = on_paper(browser, reports.write(tmp_path))
    assert opened.page.evaluate(BEYOND) == []
    assert opened.page.locator("table.versus td small").first.is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    opened.context.close()


def test_the_comparison_fits_too(browser: Any, tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", noises=FEW, methods=SEVEN, images=12, crops=0)
    file = tmp_path / "page.html"
    file.write_text(page_of(a, make_run(tmp_path / "b", noises=FEW, methods=SEVEN, images=12, crops=0, value=shifted)), "utf-8")
    opened = on_paper(browser, file)
    assert opened.page.evaluate(BEYOND) == []
    opened.context.close()


def test_a_strip_of_seven_methods_is_in_one_row(browser: Any, tmp_path: Path) -> None:
    opened = on_paper(browser, reports.write(make_run(tmp_path, noises=FEW[:1], methods=SEVEN, images=1, side=128)))
    heights = "Array.from(document.querySelectorAll('.strip'), (s) => new Set(Array.from(s.children, (c) => c.offsetTop)).size)"
    assert set(opened.page.evaluate(heights)) == {1}
    opened.context.close()
